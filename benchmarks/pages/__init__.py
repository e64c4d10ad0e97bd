"""The pages written from the recorded results."""
