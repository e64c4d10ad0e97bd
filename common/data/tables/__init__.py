"""Streaming readers for the tables that users bring: CSV, TSV and JSON Lines, plain or compressed."""
