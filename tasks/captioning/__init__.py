"""Captioning: pictures to sentences."""
