import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from common.errors import UserError
from common.files import check_plot, locked, read_json, remove_partial, whole_file, write_json, write_text


def test_written_whole(tmp_path):
    write_text(tmp_path / "deep" / "a.txt", "é\r\n")
    assert (tmp_path / "deep" / "a.txt").read_bytes() == "é\r\n".encode()
    assert os.listdir(tmp_path / "deep") == ["a.txt"]


def test_nothing_is_left_and_the_old_file_stays_when_writing_fails(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(RuntimeError), whole_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("ne")
        raise RuntimeError
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_is_written_whole(tmp_path):
    with pytest.raises(RuntimeError), whole_file(tmp_path / "1") as temporary:
        temporary.mkdir()
        (temporary / "part").write_text("x")
        raise RuntimeError
    assert os.listdir(tmp_path) == []
    with whole_file(tmp_path / "1") as temporary:
        temporary.mkdir()
        (temporary / "part").write_text("x")
    assert (tmp_path / "1" / "part").read_text() == "x"


def test_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    # The kernel refuses to let the file grow, as it does on a full disk.
    script = textwrap.dedent(
        """
        import pathlib, resource, signal, sys
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
        from common.errors import UserError
        from common.files import write_text
        try:
            write_text(pathlib.Path(sys.argv[1]), "x" * 2_000)
        except UserError as error:
            print(error)
        """
    )
    path = tmp_path / "big.txt"
    result = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert result.stdout.startswith(f"The disk is full: {path} was not written.")
    assert os.listdir(tmp_path) == []


def test_json(tmp_path):
    write_json(tmp_path / "a.json", {"é": [1, 2.5, None]})
    assert read_json(tmp_path / "a.json") == {"é": [1, 2.5, None]}
    (tmp_path / "a.json").write_text('{"é": [1')
    with pytest.raises(UserError, match=r"a.json is damaged"):
        read_json(tmp_path / "a.json")
    with pytest.raises(UserError, match=r"b.json is missing"):
        read_json(tmp_path / "b.json")


@pytest.mark.parametrize("place", ["folder", "file/below.txt", "missing_device"])
def test_a_path_that_cannot_be_written_is_one_line(tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    path = Path("/proc/none.txt") if place == "missing_device" else tmp_path / place
    with pytest.raises(UserError, match="cannot be written"):
        write_text(path, "text")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_folder_is_locked_by_one_process_at_a_time_and_unlocked_when_it_is_killed(tmp_path):
    script = (
        "import pathlib, sys, time; from common.files import locked\n"
        "with locked(pathlib.Path(sys.argv[1]), ''): print('held', flush=True); time.sleep(60)"
    )
    folder = tmp_path / "made" / "here"
    process = subprocess.Popen(
        [sys.executable, "-c", script, folder], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    try:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match=r"^held by another$"), locked(folder, "held by another"):
            pass
    finally:
        process.kill()
        process.wait()
    with locked(folder, "held by another"):
        pass
    assert os.listdir(folder) == []


def test_partial_files_of_a_killed_process_are_removed(tmp_path):
    script = (
        "import os, pathlib, signal, sys; from common.files import whole_file\n"
        "with whole_file(pathlib.Path(sys.argv[1])) as path:\n"
        "    path.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    write_text(tmp_path / "checkpoints" / "whole.npz", "whole")
    subprocess.run(
        [sys.executable, "-c", script, tmp_path / "checkpoints" / "last.npz"], cwd=Path(__file__).parents[2]
    )
    assert len(os.listdir(tmp_path / "checkpoints")) == 2
    remove_partial(tmp_path)
    assert os.listdir(tmp_path / "checkpoints") == ["whole.npz"]


def test_a_folder_to_lock_that_cannot_be_created_is_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"file/below cannot be written"), locked(tmp_path / "file/below", ""):
        pass


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("picture.txt", "picture.txt must end in one of .png, .pdf, .svg"),
        ("nowhere/picture.png", "nowhere does not exist; create it first"),
    ],
)
def test_an_invalid_plot_path_is_refused_early(tmp_path, name, message):
    check_plot(tmp_path / "picture.png")
    with pytest.raises(UserError, match=message):
        check_plot(tmp_path / name)
