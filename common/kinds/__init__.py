"""What tasks of one kind share: answers that are lines, labels, written sequences."""
