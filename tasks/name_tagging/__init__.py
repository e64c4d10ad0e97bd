"""Name tagging: which words are names, and of what? One tag for each word (many to many)."""
