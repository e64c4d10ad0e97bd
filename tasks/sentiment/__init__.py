"""Sentiment: one label for a text."""
