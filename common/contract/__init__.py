"""What a task promises: how it is learned, judged, asked and found."""
