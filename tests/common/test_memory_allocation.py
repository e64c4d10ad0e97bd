import subprocess
import sys

import pytest

# Pages that the system had to bring in while 64 MB were filled and freed for the second time.
SECOND_TIME = """
import resource, sys
import numpy as np
from common.memory_allocation import keep_freed_memory
if sys.argv[1] == "kept" and not keep_freed_memory():
    print("no glibc")
    sys.exit()
np.ones(2**23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages(how):
    ended = subprocess.run(
        [sys.executable, "-c", SECOND_TIME, how], capture_output=True, text=True, check=True
    )
    return ended.stdout.strip()


def test_freed_memory_is_kept():
    kept = pages("kept")
    if kept == "no glibc":
        pytest.skip("only glibc can be asked to keep what is freed")
    assert int(kept) < 10
    assert int(pages("given back")) > 100
