"""Folders of images with one folder a label: what is read, and what is wrong in one line."""

from types import SimpleNamespace

import pytest
import tensorflow as tf

from common.data.source import open_source
from common.errors import UserError
from common.inputs.settings import ImageSettings
from common.kinds.labelled_images import LabelledFolder


def png(colour):
    return tf.io.encode_png(tf.fill([8, 8, 3], tf.cast(colour, tf.uint8))).numpy()


def write_folder(folder, count=8, first=0):
    for number in range(first, first + 2 * count):
        path = folder / ("dark", "light")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(number))
    return folder


def settings_of(folder, skip_bad_rows=False, **other):
    data = SimpleNamespace(
        file=folder,
        validation_file=other.get("validation"),
        test_file=other.get("test"),
        validation_fraction=0.2,
        test_fraction=0.2,
        split_seed=0,
        skip_bad_rows=skip_bad_rows,
    )
    return SimpleNamespace(data=data, picture=ImageSettings(size=32))


def opened(*arguments, **options):
    return open_source(LabelledFolder.from_settings(settings_of(*arguments, **options)))


def test_a_folder_is_cut_into_splits(workspace):
    source = opened(write_folder(workspace / "photos"))
    assert source.name == "photos"
    assert source.counts == {"train": 8, "validation": 4, "test": 4}
    examples = [example for split in source.counts for example in source.examples(split)]
    assert {example["label"] for example in examples} == {"dark", "light"}
    by_name = {example["name"]: example for example in examples}
    assert by_name["light/3.png"]["image"] == png(3)
    assert by_name["light/3.png"]["label"] == "light"


def test_equal_images_are_kept_once_and_folders_of_splits_stay_apart(workspace):
    train = write_folder(workspace / "train")
    (train / "dark" / "again.png").write_bytes(png(0))
    test = write_folder(workspace / "test", count=2, first=50)
    source = opened(train, test=test)
    assert source.counts["test"] == 4
    assert source.counts["train"] + source.counts["validation"] == 16
    assert source.report["duplicates_dropped"] == 1


def test_a_changed_folder_is_prepared_again(workspace):
    folder = write_folder(workspace / "photos")
    before = opened(folder)
    (folder / "dark" / "new.png").write_bytes(png(200))
    after = opened(folder)
    assert before.fingerprint != after.fingerprint
    assert sum(after.counts.values()) == sum(before.counts.values()) + 1


def spoil(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("dark/bad.png", b"no picture", "bad.png is no JPEG, PNG, GIF or BMP picture"),
        ("dark/cut.png", png(3)[:-30], "cut.png is damaged or cut short"),
        ("dark/empty.jpg", b"", "empty.jpg is empty"),
        ("dark/new.webp", b"RIFF", "new.webp is no JPEG"),
    ],
)
def test_a_bad_image_is_named_or_left_out(workspace, name, content, said):
    folder = write_folder(workspace / "photos")
    spoil(folder, name, content)
    with pytest.raises(UserError, match=said) as error:
        opened(folder)
    assert "data.skip_bad_rows=true" in str(error.value)
    assert "\n" not in str(error.value)
    source = opened(folder, skip_bad_rows=True)
    assert source.report["rows_skipped"] == 1
    assert sum(source.counts.values()) == 16


def test_what_is_no_folder_of_labels(workspace):
    with pytest.raises(UserError, match=r"nowhere is not a folder"):
        opened(workspace / "nowhere")
    (workspace / "empty").mkdir()
    with pytest.raises(UserError, match="contains no pictures: put files there that end in"):
        opened(workspace / "empty")
    folder = write_folder(workspace / "photos")
    spoil(folder, "loose.png", png(1))
    with pytest.raises(UserError, match=r"loose.png is not in a label's folder: move it to .*LABEL"):
        opened(folder)


def test_a_labelled_folder_is_read_for_evaluate(workspace):
    folder = write_folder(workspace / "other", count=2)
    found = LabelledFolder.labelled_file(folder, settings_of(folder), ["dark", "light"])
    assert (found.count, found.report) == (4, {"rows_skipped": 0})
    first, *_ = found.examples()
    assert first == {"name": "dark/0.png", "image": png(0), "label": "dark"}
    with pytest.raises(UserError, match="the label 'light' is not in the training data: use one of dark"):
        LabelledFolder.labelled_file(folder, settings_of(folder), ["dark"])
    skipped = LabelledFolder.labelled_file(folder, settings_of(folder, skip_bad_rows=True), ["dark"])
    assert (skipped.count, skipped.report) == (2, {"rows_skipped": 2})
