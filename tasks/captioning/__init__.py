"""Captioning: what is in the picture? A sentence, by an image encoder and a recurrent decoder."""
