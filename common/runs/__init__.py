"""Training runs: their folders, and the environment they were trained in."""
