"""Import of TensorFlow without its start-up messages."""

import importlib
import os
from pathlib import Path


def import_tensorflow_quietly() -> None:
    """Import TensorFlow without the lines that its C++ code prints before logging is configured."""
    stderr = os.dup(2)
    with Path(os.devnull).open("w") as null_device:
        os.dup2(null_device.fileno(), 2)
    try:
        importlib.import_module("tensorflow")
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
