"""`python -m common.cli VERB`: the Makefile's targets are each one call of it."""

from common.cli.app import app
from common.memory_allocation import keep_freed_memory

if __name__ == "__main__":
    keep_freed_memory()
    app()
