"""Sources of examples, their splits, and batches by length."""
