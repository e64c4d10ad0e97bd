"""Streaming readers for users' tables: CSV, TSV and JSON Lines, plain or compressed."""
