"""The networks from scaled windows to scaled forecasts, one file each."""
