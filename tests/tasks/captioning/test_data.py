import json
import os
from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from support.image_case import encoded, huge_png, noise, write_captions, write_images

from common import console
from common.config import load_settings
from common.contract.find import TASKS_FOLDER
from common.data.bad_rows import BadRow
from common.data.builder import builder_of
from common.data.source import open_source
from common.errors import UserError
from tasks.captioning.config import LANGUAGES, CaptioningSettings
from tasks.captioning.data import DATA_SETS, OwnPictures
from tasks.captioning.emoji import number_groups
from tasks.captioning.folder import read_captions

MANUAL = Path(os.environ.get("TFDS_MANUAL_DIR", ""))
# Read before any fixture changes it.
DATA = os.environ.get("TFDS_DATA_DIR")
FOLDER = TASKS_FOLDER / "captioning"


def data_set_with(**settings):
    values = {f"data.{name}": value for name, value in settings.items()}
    settings = load_settings(CaptioningSettings, FOLDER, "default", values)
    return DATA_SETS.choose(settings.data).from_settings(settings)


def open_with(**settings):
    return open_source(data_set_with(**settings))


@pytest.fixture
def own_data(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    console.announce.cache_clear()
    return tmp_path


@pytest.fixture
def kept_data(monkeypatch, tmp_path_factory):
    """Folder for data that takes long to prepare: the one that is named, else one of this session."""
    monkeypatch.setenv("TFDS_DATA_DIR", DATA or str(tmp_path_factory.mktemp("data")))


@pytest.fixture
def pictures(own_data):
    return write_images(own_data / "pictures", count=30)


# The user's own folder.


def test_folder_is_split_and_survives_unchanged(pictures):
    opened = open_with(file=pictures)
    assert opened.counts == {"train": 24, "validation": 3, "test": 3}
    examples = {row["name"]: row for split in opened.counts for row in opened.examples(split)}
    assert len(examples) == 30
    for name, example in examples.items():
        assert example["picture"] == (pictures / name).read_bytes()
        assert len(example["captions"]) == 2
    assert examples["000.png"]["captions"] == ["There is a red circle here.", "A picture of a red circle"]


def test_every_way_to_write_captions_gives_the_same(pictures):
    def found():
        return {one.name: one.captions for one in read_captions(pictures, "picture", "caption")}

    expected = found()
    rows = [(name, caption) for name, captions in expected.items() for caption in captions]
    table = pictures / "captions.csv"
    assert {one.name: one.captions for one in read_captions(table, "picture", "caption")} == expected
    table.unlink()
    names = {name: number for number, name in enumerate(expected, 7)}
    coco = {
        "info": {"year": 2014},
        "images": [{"id": number, "file_name": name} for name, number in names.items()],
        "annotations": [{"id": 0, "image_id": names[name], "caption": text} for name, text in rows],
    }
    records = [{"picture": name, "caption": texts} for name, texts in expected.items()]
    flat = [{"picture": name, "caption": text} for name, text in rows]
    for content in (expected, coco, records, flat):
        (pictures / "captions.json").write_text(json.dumps(content))
        assert found() == expected
    (pictures / "captions.json").unlink()
    lines = "".join(json.dumps({"picture": name, "caption": text}) + "\n" for name, text in rows)
    (pictures / "captions.jsonl").write_text(lines)
    assert found() == expected
    (pictures / "captions.jsonl").unlink()
    for name, captions in expected.items():
        (pictures / name).with_suffix(".txt").write_text("\n".join(captions))
    assert found() == expected


@pytest.mark.parametrize(
    "content, message",
    [
        ({"000.png": 5}, r"captions\.json: the caption of 000\.png is not a string"),
        ([{"picture": "000.png"}], r"captions\.json: record 1: the caption of 000\.png is not a string"),
        ([{"caption": "A caption"}], r"captions\.json: record 1: 'picture' is not a string"),
        ({"images": [{"id": 1}], "annotations": []}, r"captions\.json: image 1 has no 'file_name'"),
        ({"images": [], "annotations": [7]}, r"captions\.json: annotation 1 has no 'image_id'"),
        (
            {"images": [], "annotations": [{"image_id": 3, "caption": "A caption"}]},
            r"captions\.json: annotation 1: .* has no picture of image_id 3",
        ),
    ],
)
def test_captions_in_json_that_do_not_say_what_is_needed(pictures, content, message):
    (pictures / "captions.csv").unlink()
    (pictures / "captions.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        list(read_captions(pictures, "picture", "caption"))


def add(folder, name, content, caption="A caption of something"):
    (folder / name).write_bytes(content)
    with (folder / "captions.csv").open("a", encoding="utf-8") as file:
        file.write(f"{name},{caption}\n")


BAD_IMAGES = {
    "text": (b"no picture", r"captions\.csv:62: bad\.jpg is no JPEG, PNG, GIF or BMP picture"),
    "truncated": (encoded(noise(), "JPEG")[:900], r"bad\.jpg is damaged or cut short"),
    "one pixel": (encoded(noise().resize((1, 1))), r"bad\.jpg has 1 x 1 pixels"),
    "huge": (huge_png(20_000, 20_000), r"bad\.jpg has 20000 x 20000 pixels; at most 50000000"),
}


def test_bad_pictures_stop_or_are_counted(pictures):
    table = (pictures / "captions.csv").read_text()
    for content, message in BAD_IMAGES.values():
        (pictures / "captions.csv").write_text(table)
        add(pictures, "bad.jpg", content)
        with pytest.raises(UserError, match=f"{message}.*data.skip_bad_rows=true") as raised:
            open_with(file=pictures)
        assert "\n" not in str(raised.value)
    for number, (content, _) in enumerate(BAD_IMAGES.values()):
        add(pictures, f"bad{number}.jpg", content)
    opened = open_with(file=pictures, skip_bad_rows=True)
    assert sum(opened.counts.values()) == 30
    assert opened.report["pictures_skipped"] == 5


def test_captions_and_pictures_that_do_not_go_together(pictures):
    with (pictures / "captions.csv").open("a") as file:
        file.write("none.png,A caption of nothing\n")
    with pytest.raises(BadRow, match=r"captions\.csv:62: .*pictures has no picture none\.png: add it"):
        open_with(file=pictures)
    (pictures / "lonely.png").write_bytes(encoded(noise()))
    opened = open_with(file=pictures, skip_bad_rows=True)
    assert opened.report["rows_skipped"] == 2
    rows = [(f"{number:03}.png", "A caption") for number in range(30)]
    write_captions(pictures, rows)
    with pytest.raises(BadRow, match=r"lonely\.png has no caption in captions\.csv: add one"):
        open_with(file=pictures)
    # A file that is given itself says what is wanted: the others beside it may be of another one.
    assert len(list(read_captions(pictures / "captions.csv", "picture", "caption"))) == 30
    write_captions(pictures, [*rows, ("a caption where the name should stand " * 9, "lonely.png")])
    with pytest.raises(BadRow, match=r"captions\.csv:32: .* has no picture a caption where"):
        open_with(file=pictures)
    write_captions(pictures, [*rows, ("lonely.png", " ")])
    with pytest.raises(BadRow, match=r"captions\.csv:32: lonely\.png has an empty caption: fill it in"):
        open_with(file=pictures)


def test_folders_that_cannot_be_used(own_data, pictures):
    empty = own_data / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match=r"contains no pictures: put files there that end in \.jpg"):
        open_with(file=empty)
    with pytest.raises(UserError, match="none does not exist: name a folder with pictures and captions"):
        open_with(file=own_data / "none")
    with pytest.raises(UserError, match=r"captions\.csv:1: column 'text' is missing"):
        open_with(file=pictures, caption_column="text")
    (pictures / "captions.tsv").write_text("picture\tcaption\n000.png\tA caption\n")
    with pytest.raises(UserError, match=r"several captions files \(captions\.csv, captions\.tsv\): name one"):
        open_with(file=pictures)
    few = write_images(own_data / "few", count=2)
    with pytest.raises(UserError, match="no picture is left for the validation split"):
        open_with(file=few)
    write_images(own_data / "texts", count=3)
    (own_data / "texts" / "captions.csv").unlink()
    with pytest.raises(BadRow, match=r"000\.png has no caption: write one in 000\.txt, or in captions\.csv"):
        open_with(file=own_data / "texts")


def test_pictures_that_cannot_be_opened(own_data):
    """A link to nowhere stands for any file that is listed and cannot be read; a folder is no file."""
    texts = write_images(own_data / "texts", count=8)
    (texts / "captions.csv").unlink()
    for number in range(8):
        (texts / f"{number:03}.txt").write_text(f"Picture {number}")
    (texts / "album.png").mkdir()
    (texts / "007.png").unlink()
    (texts / "007.png").symlink_to(own_data / "nowhere.png")
    with pytest.raises(
        UserError, match=r"007\.txt: 007\.png cannot be read \(No such file.*data.skip_bad_rows=true"
    ):
        open_with(file=texts)
    opened = open_with(file=texts, skip_bad_rows=True)
    assert (sum(opened.counts.values()), opened.report["pictures_skipped"]) == (7, 1)
    settings = load_settings(CaptioningSettings, FOLDER, "default", {})
    with pytest.raises(
        UserError, match=r"007\.txt: 007\.png cannot be read \(No such file.*data.skip_bad_rows=true"
    ):
        OwnPictures.labelled_file(texts, settings, [])


def test_pictures_of_kinds_that_cannot_be_read_are_not_passed_over(own_data):
    texts = own_data / "texts"
    texts.mkdir()
    (texts / "photo.webp").write_bytes(b"RIFF\x00\x00\x00\x00WEBPVP8 ")
    (texts / "photo.txt").write_text("a caption")
    with pytest.raises(UserError, match=r"photo\.txt: photo\.webp is no JPEG, PNG, GIF or BMP picture"):
        open_with(file=texts)


def test_equal_pictures_never_straddle_splits(pictures):
    for number in range(10):
        add(pictures, f"copy{number}.png", (pictures / f"{number:03}.png").read_bytes())
    opened = open_with(file=pictures)
    assert opened.report["duplicates_dropped"] == 10
    assert sum(opened.counts.values()) == 30


# The built-in sources.


def test_prepared_data_keeps_its_name(own_data):
    """Under another name all data would be prepared again, and runs would not know theirs."""
    assert builder_of(data_set_with()).data_path.parts[-3:] == ("emoji", "options_8ba781a9f6b25a3a", "1.0.0")
    names = [builder_of(data_set_with(dataset=name)).name for name in DATA_SETS.names()]
    assert names == ["emoji", "flickr8k", "catalogue_pictures"]


def test_wrong_names(own_data):
    with pytest.raises(UserError, match=r"Unknown dataset 'emojy'. Did you mean 'emoji'"):
        open_with(dataset="emojy")
    with pytest.raises(UserError, match=r"The captions of flickr8k are English"):
        open_with(dataset="flickr8k", language="de")
    with pytest.raises(UserError, match=r"Setting data.language='xx' is not valid"):
        open_with(language="xx")
    assert len(LANGUAGES) == 14


def test_skin_tones_and_equal_pictures_are_one_group():
    waving, dark, woman, dog = "\U0001f44b", "\U0001f44b\U0001f3ff", "\U0001f469", "\U0001f415\ufe0f"
    groups = number_groups([waving, dark, woman, dog, "\U0001f415"], ["a", "b", "c", "d", "c"])
    assert groups[0] == groups[1]
    assert len({groups[0], groups[2]}) == 2
    # One has the picture of the third, and the plain form of the fourth.
    assert groups[2] == groups[3] == groups[4]


def test_photos_of_the_catalogue_stay_as_they_are_and_restval_is_trained_on(own_data):
    photos = {
        f"{split}_{number}.jpg": encoded(noise(seed=2 * place + number), "JPEG")
        for place, split in enumerate(("train", "restval", "val", "test"))
        for number in range(2)
    }

    def as_dataset(self, split, decoders, **options):
        # The photos are not decoded and encoded again.
        assert isinstance(decoders["image"], tfds.decode.SkipDecoding)
        names = [name for name in photos if name.startswith(f"{split}_")]
        rows = {
            "image": [photos[name] for name in names],
            "image/filename": names,
            "captions": {"text": [[f" a photo of {split}.", "Noise."]] * 2},
        }
        return tf.data.Dataset.from_tensor_slices(rows)

    with tfds.testing.mock_data(as_dataset_fn=as_dataset):
        opened = open_with(dataset="coco_captions")
    assert opened.counts == {"train": 4, "validation": 2, "test": 2}
    examples = {row["name"]: row for split in opened.counts for row in opened.examples(split)}
    assert examples["restval_1.jpg"]["picture"] == photos["restval_1.jpg"]
    assert examples["test_0.jpg"]["captions"] == ["a photo of test.", "Noise."]


@pytest.mark.slow
def test_emoji(kept_data):
    opened = open_with()
    assert opened.counts == DATA_SETS.find("emoji").information.counts
    names = {}
    for split in opened.counts:
        for example in opened.examples(split):
            assert example["picture"].startswith(b"\x89PNG")
            names[example["name"]] = (split, example["captions"][0])
    assert names["\U0001f415"][1] == "dog"
    of_split = {
        split: {caption for one, caption in names.values() if one == split} for split in opened.counts
    }
    assert not of_split["test"] & (of_split["train"] | of_split["validation"])
    tones = {split for name, (split, _) in names.items() if name[0] == "\U0001f44b"}
    assert len(tones) == 1


@pytest.mark.slow
@pytest.mark.parametrize("language", ["de", "zh"])
def test_emoji_in_other_languages(kept_data, language):
    captions = {row["name"]: row["captions"][0] for row in open_with(language=language).examples("train")}
    captions |= {row["name"]: row["captions"][0] for row in open_with(language=language).examples("test")}
    assert {"de": "hund", "zh": "狗"}[language] in captions.values()


@pytest.mark.slow
@pytest.mark.skipif(
    not (MANUAL / "flickr8k" / "images_192.zip").is_file(),
    reason="flickr8k/images_192.zip is not in the folder that TFDS_MANUAL_DIR names",
)
def test_flickr8k(kept_data):
    opened = open_with(dataset="flickr8k")
    assert opened.counts["validation"] == opened.counts["test"] == 1_000
    assert 5_990 < opened.counts["train"] <= 6_000
    assert all(len(example["captions"]) == 5 for example in opened.examples("test"))


def test_flickr8k_that_is_not_there_or_damaged(own_data, monkeypatch):
    monkeypatch.setenv("TFDS_MANUAL_DIR", str(own_data / "manual"))
    with pytest.raises(
        UserError, match=r"'flickr8k' needs flickr8k/Flickr8k\.token\.txt\.gz, which is not in"
    ):
        open_with(dataset="flickr8k")
    (own_data / "manual" / "flickr8k").mkdir(parents=True)
    (own_data / "manual" / "flickr8k" / "Flickr8k.token.txt").write_text("a.jpg#0\tA dog .\n")
    with pytest.raises(UserError, match=r"'flickr8k' needs flickr8k/Flickr8k_Dataset\.zip, which is not in"):
        open_with(dataset="flickr8k")
    (own_data / "manual" / "flickr8k" / "images_192.zip").write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"images_192\.zip is damaged"):
        open_with(dataset="flickr8k")
