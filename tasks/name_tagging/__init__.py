"""Name tagging: the names in a sentence, their kinds and places."""
