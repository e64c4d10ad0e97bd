"""Training: from settings to a finished run, with checkpoints to resume from."""
