"""The networks between scaled windows and scaled forecasts, one kind a file."""
