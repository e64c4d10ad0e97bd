"""What tasks of one kind share: answers that are lines, labels, written sequences; image files that go in."""
