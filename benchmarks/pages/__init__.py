"""The pages generated from the recorded results."""
