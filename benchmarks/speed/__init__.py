"""Measurements of the speed of layers, training epochs and exports."""
