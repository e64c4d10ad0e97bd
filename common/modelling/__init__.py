"""What a model is trained with: losses, optimizers, the precision of its products."""
