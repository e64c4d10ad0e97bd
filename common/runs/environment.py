"""The environment that the results of a run depend on: versions, commit, machine, seed."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from common.files import PROJECT_FOLDER

# Paths that results depend on. Presets are excluded: a run records its settings, and recording a result
# changes a preset.
_CODE = ("common", "tasks", "benchmarks/recipes", "requirements.lock")
_NOT_CODE = (":(exclude)tasks/*/presets/*",)
_RECORDED_PACKAGES = ("tensorflow", "keras", "tensorflow-datasets", "numpy", "pandas", "scikit-learn")


def environment(seed: int) -> dict[str, Any]:
    """Describe the environment: versions, commit, machine, seed."""
    import tensorflow as tf

    from common.layers.engines.compiled import operations

    return {
        "python": platform.python_version(),
        "versions": {package: version(package) for package in _RECORDED_PACKAGES},
        "commit": _commit(),
        "machine": machine(),
        "recurrent_layers_in_c": operations() is not None,
        "gpus": [
            tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
            for gpu in tf.config.list_physical_devices("GPU")
        ],
        "seed": seed,
    }


def machine() -> dict[str, Any]:
    """Describe processor, memory and operating system."""
    model = platform.processor()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gb": round(memory, 1),
        "system": platform.platform(),
    }


def _commit() -> str | None:
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=PROJECT_FOLDER, capture_output=True, text=True, check=True
        ).stdout.strip()
        changes = subprocess.run(
            ["git", "status", "--porcelain", "--", *_CODE, *_NOT_CODE],
            cwd=PROJECT_FOLDER,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+changes" if changes else "")
