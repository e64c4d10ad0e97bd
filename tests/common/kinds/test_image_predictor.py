"""Image files as questions: one file, a folder, a table of answers; a bad file is named, the others go on."""

import io
import json

import numpy as np
import pytest
import tensorflow as tf

from common.errors import UserError
from common.inputs.images import ImagePreprocessor
from common.inputs.settings import ImageSettings
from common.kinds.image_predictor import FILES_AT_ONCE, LabelImagePredictor

pictures = ImagePreprocessor(ImageSettings(size=32))


class Brightness(LabelImagePredictor):
    """Says of an image whether it is dark or light."""

    task = "brightness"


def serve(image):
    pixels, problem = pictures(image)
    light = tf.reduce_mean(tf.cast(pixels, tf.float32), axis=[1, 2, 3]) / 255
    label = tf.where(light > 0.5, "light", "dark")
    return {
        "label": tf.where(tf.equal(problem, ""), label, ""),
        "probabilities": tf.stack([1 - light, light], axis=1),
        "problem": problem,
    }


def png(colour):
    return tf.io.encode_png(tf.fill([8, 8, 3], tf.cast(colour, tf.uint8))).numpy()


@pytest.fixture
def predictor():
    return Brightness(None, ["dark", "light"], {"serve": serve}, "a test")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    (folder / "a.png").write_bytes(png(0))
    (folder / "b.png").write_bytes(b"no picture")
    (folder / "c.png").write_bytes(png(255)[:-30])
    (folder / "more" / "d.png").write_bytes(png(255))
    return folder


def shown(predictor, path):
    output = io.StringIO()
    predictor.show_file(path, output)
    return output.getvalue()


def test_one_image_is_one_line(predictor, folder):
    assert shown(predictor, folder / "a.png") == "dark\t1.0000\n"


def test_a_folder_is_one_line_an_image_and_bad_files_are_named(predictor, folder, capsys):
    assert shown(predictor, folder) == "a.png\tdark\t1.0000\nmore/d.png\tlight\t1.0000\n"
    notes = capsys.readouterr().err
    assert "b.png is no JPEG, PNG, GIF or BMP picture" in notes
    assert "c.png is damaged or cut short" in notes


@pytest.mark.parametrize("name", ["b.png", "c.png"])
def test_a_bad_image_alone_is_an_error(predictor, folder, name):
    with pytest.raises(UserError, match=rf"{name} is (no JPEG|damaged)"):
        shown(predictor, folder / name)


def test_a_folder_without_a_good_image_is_an_error(predictor, folder):
    for name in ("a.png", "more/d.png"):
        (folder / name).unlink()
    with pytest.raises(UserError, match="none of the 2 files can be read"):
        shown(predictor, folder)


def test_a_table_has_a_row_for_each_image(predictor, folder, tmp_path):
    output = tmp_path / "answers.csv"
    said = predictor.answer_file(folder, output, None)
    assert said == "2 pictures answered, 2 that cannot be read,"
    header, first, second, *_ = output.read_text().splitlines()
    assert header == "picture,label,probability_dark,probability_light,problem"
    assert first == "a.png,dark,1.0,0.0,"
    assert second.startswith('b.png,,,,"is no JPEG')
    predictor.answer_file(folder, tmp_path / "answers.jsonl", None)
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [row["label"] for row in rows] == ["dark", None, None, "light"]


def test_more_images_than_are_answered_together_stay_in_order(predictor, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    colours = np.arange(FILES_AT_ONCE + 5)
    for colour in colours:
        (folder / f"{colour:03}.png").write_bytes(png(7 * colour % 256))
    lines = shown(predictor, folder).splitlines()
    assert [line.split("\t")[0] for line in lines] == [f"{colour:03}.png" for colour in colours]
    expected = ["light" if 7 * colour % 256 > 127 else "dark" for colour in colours]
    assert [line.split("\t")[1] for line in lines] == expected


@pytest.mark.parametrize(
    ("path", "output", "said"),
    [
        ("nowhere.png", "", "nowhere.png does not exist"),
        ("photos", "answers.txt", "must end in one of"),
        ("photos", "photos/new/answers.csv", "does not exist; create it first"),
        ("empty", "", "contains no pictures"),
    ],
)
def test_what_cannot_be_answered_is_said_before_anything_is_loaded(folder, tmp_path, path, output, said):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=said):
        Brightness.check_input(tmp_path / path, output and str(tmp_path / output))
    Brightness.check_input(folder, "")


def test_there_are_no_texts_and_no_drawings(predictor, folder, tmp_path):
    with pytest.raises(UserError, match="brightness answers pictures; name one: INPUT="):
        Brightness.check_text("a text")
    with pytest.raises(UserError, match="leave out PLOT"):
        predictor.show_file(folder, io.StringIO(), tmp_path / "plot.png")
