"""The study of how far back recurrent layers learn."""
