"""What tasks share, in chapters whose imports go one way; nothing here imports a task."""
