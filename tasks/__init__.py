"""One folder per task, with the same files in each."""
