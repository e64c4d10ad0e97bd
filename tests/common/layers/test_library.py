import hashlib
import os
import shutil
import subprocess
import sys

import pytest

from common.files import PROJECT_FOLDER
from common.layers.engines import library as library_module
from common.layers.engines.library import cache_folder, compiled_library


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setenv("CC", "cc -m64")
        return compiled_library()


@pytest.fixture
def library(compiled, tmp_path, monkeypatch):
    """A copy of the library in a cache of the test's own; compiling again writes a stand-in."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CC", "cc -m64")
    shutil.copytree(compiled.parent, cache_folder())
    cache_folder().chmod(0o700)

    def compile_again(command, path):
        path.write_bytes(b"compiled again")

    monkeypatch.setattr(library_module, "_compile", compile_again)
    return cache_folder() / compiled.name


def test_it_is_compiled_once_for_the_user_alone(compiled, library):
    assert compiled.parent.stat().st_mode & 0o777 == 0o700
    assert compiled.stat().st_mode & 0o077 == 0
    before = library.read_bytes()
    assert compiled_library() == library
    assert library.read_bytes() == before
    assert len(list(compiled.parent.iterdir())) == 2


@pytest.mark.parametrize("damage", ["cut short", "other content", "no checksum", "gone"])
def test_what_was_not_compiled_here_is_compiled_again(library, damage):
    content = library.read_bytes()
    if damage == "cut short":
        library.write_bytes(content[: len(content) // 2])
    elif damage == "other content":
        library.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "no checksum":
        library.with_suffix(".sha256").unlink()
    else:
        library.unlink()
    assert compiled_library().read_bytes() == b"compiled again"


@pytest.mark.parametrize("which", ["folder", "library"])
def test_what_others_may_write_to_is_not_loaded(library, which):
    path = library if which == "library" else library.parent
    path.chmod(path.stat().st_mode | 0o002)
    with pytest.raises(PermissionError, match=r"may be written by others; run: chmod go-w "):
        compiled_library()


def test_what_belongs_to_another_user_is_not_loaded(library, monkeypatch):
    user = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: user)
    with pytest.raises(PermissionError, match="belongs to another user; set XDG_CACHE_HOME"):
        compiled_library()


def test_a_library_that_cannot_be_loaded_is_compiled_again(library):
    """In a process of its own: TensorFlow, once it has loaded such a library, takes no second one."""
    # As if the compiler had made it for another processor: its checksum is right.
    library.write_bytes(b"no library")
    library.with_suffix(".sha256").write_text(hashlib.sha256(b"no library").hexdigest())
    code = "from common.layers.engines.compiled import operations; operations().recurrent_gru_forward"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_FOLDER, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert library.stat().st_size > 10_000
