"""Training runs: their folders, and the machine and versions they were made with."""
