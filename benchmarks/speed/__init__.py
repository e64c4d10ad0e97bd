"""Times of layers, training epochs and exports."""
