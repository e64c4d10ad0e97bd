"""Name tagging: the names in a sentence."""
