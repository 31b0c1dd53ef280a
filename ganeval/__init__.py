"""ganeval: evaluate and analyse generative adversarial networks."""

__version__ = "0.1.0"
