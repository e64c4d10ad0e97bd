"""Losses, optimizers, and the numeric precision of models."""
