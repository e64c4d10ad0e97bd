"""Recurrent layers and what goes with them, one class a file."""
