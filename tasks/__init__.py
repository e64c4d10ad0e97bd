"""One folder a task, the same files in each."""
