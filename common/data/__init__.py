"""Data sets: what they are, how they are fetched and read, and batches of their examples."""
