"""From scores to the best output sequence, inside the graph."""
