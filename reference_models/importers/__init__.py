"""Networks that other people trained, as checkpoints: one file per format, each a recipe that is read, not trained."""
