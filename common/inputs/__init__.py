"""Preprocessing of inputs inside the TensorFlow graph: words, subwords, tags, images."""
