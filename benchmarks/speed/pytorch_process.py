"""The process that measures PyTorch, if it is installed."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any


class PyTorchProcess:
    """Runs `benchmarks.speed.pytorch_worker`, so that TensorFlow and PyTorch do not share threads."""

    def __init__(self) -> None:
        """Start the process."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.speed.pytorch_worker", str(os.cpu_count())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.version = json.loads(self.process.stdout.readline())["torch"]

    def __enter__(self) -> "PyTorchProcess":
        """Return the process."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()

    @staticmethod
    def is_installed() -> bool:
        """Return whether PyTorch can be imported."""
        return find_spec("torch") is not None

    def order(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Send one order and return the answer.

        Raises:
            RuntimeError: if the process has ended.
        """
        self.process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the PyTorch process ended during the order {what!r}")
        return json.loads(answer)

    def seconds(self, *arguments: Any) -> float:
        """Run the current step, and return its time in seconds."""
        return self.order("step", arguments=list(arguments))["seconds"]
