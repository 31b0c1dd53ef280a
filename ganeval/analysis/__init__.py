"""A closer look at the game itself: what a run's discriminator knows, and the game on a line, where all is known."""
