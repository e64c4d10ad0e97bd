"""Decoding inside the graph: from scores to output sequences."""
