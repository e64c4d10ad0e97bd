"""What tasks share; nothing here imports a task."""
