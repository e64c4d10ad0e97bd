"""What is made once for all test processes."""

import fcntl
import os


def made_once(tmp_path_factory, name, make):
    """A folder that the first test process makes, and that the others wait for.

    Args:
        tmp_path_factory: pytest's.
        name: of the folder.
        make: function of the folder, which is there and empty.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # Each worker has a folder of its own in that of the session.
    folder, done = base / name, base / f"{name}.done"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            # Another process may have failed at it.
            folder.mkdir(exist_ok=True)
            make(folder)
            done.touch()
    return folder
