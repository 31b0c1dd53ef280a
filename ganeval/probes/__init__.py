"""Linear probes on the features of a network, and what they are compared with."""
