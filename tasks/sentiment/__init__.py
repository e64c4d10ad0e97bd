"""Sentiment: what does the writer think? One label for a text (many to one)."""
