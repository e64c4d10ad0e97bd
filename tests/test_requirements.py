"""requirements.txt and requirements.lock name the same packages, and the lock file fits any machine."""

import os
import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
LOCK = (PROJECT / "requirements.lock").read_text(encoding="utf-8")


def normalized(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pins():
    lines = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def locked():
    """Each locked package as (name, version) with its hashes."""
    code = re.sub(r"#.*", "", LOCK).replace("\\\n", " ")
    entries = [line.split() for line in code.splitlines() if line.strip()]
    return {tuple(package.split("==")): hashes for package, *hashes in entries}


def test_every_pin_is_locked_in_its_version():
    missing = {(normalized(name), version) for name, version in pins().items()} - set(locked())
    assert not missing, "run `make lock`"


def test_every_locked_package_has_hashes():
    packages = locked()
    assert len({name for name, _ in packages}) == len(packages) > len(pins())
    for package, hashes in packages.items():
        assert hashes, package
        for found in hashes:
            assert re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", found), package


@pytest.mark.parametrize("part", ["http", "index-url", "find-links", "/opt", "file:/", ";"])
def test_the_lock_file_names_no_place_and_no_condition(part):
    assert part not in LOCK


def environment_of(folder, right):
    """An environment whose Pythons are all wrong but for those named."""
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        python = folder / name
        python.write_text(f"#!/bin/sh\nexit {int(name not in right)}\n")
        python.chmod(0o755)
    # `make test PYTHON=...` says so to each make below it, and these would print their folders.
    of_make = ("PYTHON", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    environment = {name: value for name, value in os.environ.items() if name not in of_make}
    return {**environment, "PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("right", "taken"),
    [
        (["python3", "python3.13"], "python3"),
        (["python3.11", "python3.12"], "python3.12"),
        ([], "python3"),
    ],
)
def test_make_takes_the_python_that_is_there(tmp_path, right, taken):
    command = ["make", "--dry-run", "--always-make", "lint"]
    result = subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, env=environment_of(tmp_path, right), check=True
    )
    assert f"\n{taken} -m venv " in result.stdout


def test_make_says_which_python_it_needs(tmp_path):
    # Nothing is made: the only Python says that it is of a wrong version.
    result = subprocess.run(
        ["make", "--always-make", "lint"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        env=environment_of(tmp_path, []),
    )
    assert result.returncode == 2
    assert result.stdout == "Error: Python 3.11, 3.12 or 3.13 is needed; set PYTHON=/path/to/python3\n"
