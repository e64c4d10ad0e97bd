"""Memory that a training step frees is kept for the next one."""

import ctypes
import sys

# Numbers of the parameters in glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Ask the C library not to give freed memory back to the system; to be called before threads start.

    By default glibc maps every block of 32 MB or more anew, and the system fills it with zeros: with tensors
    as large as the logits of a translation a training step takes a tenth longer. The process then holds the
    most that it ever needed at once.

    Returns:
        Whether it could be asked: the library is glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    wanted = {_ARENA_MAX: 1, _MMAP_MAX: 0, _TRIM_THRESHOLD: _NEVER}
    taken = [library.mallopt(parameter, value) for parameter, value in wanted.items()]
    return all(taken)
