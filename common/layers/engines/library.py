"""The library compiled from kernels/, in a folder of the user's own that nobody else may write to."""

import hashlib
import os
import shlex
import subprocess
import tempfile
from pathlib import Path

import tensorflow as tf

KERNELS = Path(__file__).parent / "kernels"
FLAGS = ["-std=gnu11", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math"]
COMPILE_SECONDS = 120


def compiled_library(anew: bool = False) -> Path:
    """Compile the library, unless it is in the user's cache already.

    Its name depends on everything that it is made from; beside it stands its checksum. A file that others
    may have written, or that was cut short, is not loaded: it would run with the user's rights.

    Args:
        anew: whether to compile it again even if it is there.

    Raises:
        OSError: the cache cannot be written, or others may write to it.
        subprocess.SubprocessError: the compiler failed or took too long.
    """
    command, dependencies = _command()
    folder = cache_folder()
    _make_own_folder(folder)
    library = folder / f"recurrent-{hashlib.sha256(dependencies.encode()).hexdigest()[:16]}.so"
    if anew or not _is_intact(library):
        _compile(command, library)
    return library


def cache_folder() -> Path:
    """Return the folder for compiled code: in XDG_CACHE_HOME, else in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rnn-task-suite"


def _command() -> tuple[list[str], str]:
    """The compiler's command line, and a text that differs whenever the library would."""
    command = [
        *shlex.split(os.environ.get("CC") or "cc"),
        *FLAGS,
        "-shared",
        "-fPIC",
        "-pthread",
        f"-I{tf.sysconfig.get_include()}",
        *map(str, sorted(KERNELS.glob("*.c"))),
        *tf.sysconfig.get_link_flags(),
        f"-Wl,-rpath,{tf.sysconfig.get_lib()}",
    ]
    sources = [path.read_text() for path in sorted(KERNELS.iterdir())]
    return command, "\n".join([*sources, tf.__version__, _processor(), *command])


def _processor() -> str:
    """Instruction sets of the processor: different machines may share a home folder."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _make_own_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_own(folder)


def _check_own(path: Path) -> None:
    """Raise an OSError if the path belongs to another user, or others may write to it."""
    status = path.stat()
    if status.st_uid != os.getuid():
        raise PermissionError(f"{path} belongs to another user; set XDG_CACHE_HOME to a folder of your own")
    if status.st_mode & 0o022:
        raise PermissionError(f"{path} may be written by others; run: chmod go-w {shlex.quote(str(path))}")


def _checksum_file(library: Path) -> Path:
    return library.with_suffix(".sha256")


def _is_intact(library: Path) -> bool:
    """Whether the library is there and is what was compiled."""
    if not library.is_file() or not _checksum_file(library).is_file():
        return False
    for path in (library, _checksum_file(library)):
        _check_own(path)
    return _checksum_file(library).read_text() == hashlib.sha256(library.read_bytes()).hexdigest()


def _compile(command: list[str], library: Path) -> None:
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        # Renamed only when complete: another process may compile it at the same time.
        part = Path(folder) / library.name
        subprocess.run(
            [*command, "-o", str(part)], check=True, capture_output=True, text=True, timeout=COMPILE_SECONDS
        )
        checksum = _checksum_file(part)
        checksum.write_text(hashlib.sha256(part.read_bytes()).hexdigest())
        for path in (part, checksum):
            path.chmod(0o700 if path is part else 0o600)
            _write_through(path)
        # The library last: without a checksum that fits it is compiled again.
        checksum.replace(_checksum_file(library))
        part.replace(library)


def _write_through(path: Path) -> None:
    """Wait until a file is on the disk: after a power cut half of it must not bear the final name."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
