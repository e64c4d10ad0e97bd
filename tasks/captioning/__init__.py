"""Captioning: a sentence for a picture."""
