"""TensorFlow imported without what it prints meanwhile."""

import importlib
import os
from pathlib import Path


def import_tensorflow_quietly() -> None:
    """Import TensorFlow without the lines that its C++ prints before any logging setting is read."""
    kept = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        importlib.import_module("tensorflow")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
