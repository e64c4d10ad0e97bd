"""The command line: `python -m common.cli VERB`."""
