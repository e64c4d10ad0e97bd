"""Tasks that write a sequence, piece by piece: its search, its scores, and what is asked and answered."""
