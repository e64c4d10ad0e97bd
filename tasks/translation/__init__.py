"""Translation: what does a sentence say in another language? Sequence to sequence, with attention."""
