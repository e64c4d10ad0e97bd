"""Raw inputs to numbers inside the TensorFlow graph: words, pieces of words, tags, images."""
