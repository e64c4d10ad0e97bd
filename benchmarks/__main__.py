"""`python -m benchmarks VERB`."""

from benchmarks.commands import app
from common.memory_allocation import keep_freed_memory

if __name__ == "__main__":
    keep_freed_memory()
    app()
