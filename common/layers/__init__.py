"""Recurrent layers and the layers around them, one class per file."""
