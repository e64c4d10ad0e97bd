"""Implementations of recurrent layers: a TensorFlow loop, one operation for one sequence, C."""
