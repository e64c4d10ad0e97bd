"""From settings to a finished run: training, checkpoints, resuming."""
