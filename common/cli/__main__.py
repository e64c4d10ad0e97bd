"""Entry point of `python -m common.cli VERB`."""

from common.cli.app import app
from common.memory_allocation import keep_freed_memory

if __name__ == "__main__":
    keep_freed_memory()
    app()
