"""Code shared by tasks of one kind: outputs that are lines, labels or sequences; inputs that are images."""
