"""The ways to compute a recurrent layer: TensorFlow's loop, one operation for one sequence, C."""
