import platform
import subprocess
import sys

import pytest

# Page faults while 64 MB are filled and freed for the second time.
SECOND_TIME = """
import resource, sys
import numpy as np
from common.memory_allocation import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
np.ones(2**23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages(how):
    ended = subprocess.run(
        [sys.executable, "-c", SECOND_TIME, how], capture_output=True, text=True, check=True
    )
    return int(ended.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can keep freed memory")
def test_freed_memory_is_kept():
    assert pages("kept") < 10
    assert pages("given back") > 100
