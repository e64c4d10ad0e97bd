import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps
from support.image_case import encoded, huge_png, noise

from common.inputs.images import ImagePreprocessor
from common.inputs.settings import ImageSettings


@pytest.fixture(scope="module")
def preprocessor():
    return ImagePreprocessor(ImageSettings(size=32))


@pytest.fixture(scope="module")
def read(preprocessor):
    """Files to pixels, compiled once."""
    return tf.function(preprocessor.__call__, input_signature=[tf.TensorSpec([None], tf.string)])


def pixels(read, content):
    found, problems = read(tf.constant([content]))
    assert problems.numpy().tolist() == [b""]
    return found.numpy()[0].astype(int)


def resized(picture):
    """The same by Pillow."""
    return np.asarray(picture.convert("RGB").resize((32, 32), Image.Resampling.BILINEAR)).astype(int)


GREY = noise().convert("L")
FILES = {
    "png": (noise(), encoded(noise()), 2),
    "jpeg": (noise(), encoded(noise(), "JPEG", quality=95, subsampling=0), 3),
    "cmyk": (noise(), encoded(noise().convert("CMYK"), "JPEG", quality=95), 3),
    "bmp": (noise(), encoded(noise(), "BMP"), 2),
    "grey bmp": (GREY, encoded(GREY, "BMP"), 2),
    "bmp with a palette": (noise().quantize(64), encoded(noise().quantize(64), "BMP"), 2),
    "transparent bmp": (noise(), encoded(noise().convert("RGBA"), "BMP"), 2),
    "grey jpeg": (GREY, encoded(GREY, "JPEG", quality=95), 3),
    "grey with 16 bits": (GREY, encoded(Image.fromarray(np.asarray(GREY).astype(np.uint16) * 257)), 2),
    "palette": (noise().quantize(64), encoded(noise().quantize(64)), 2),
    "palette with 4 bits": (noise().quantize(16), encoded(noise().quantize(16), bits=4), 2),
    "black and white": (GREY.convert("1"), encoded(GREY.convert("1")), 3),
    "first of a gif": (
        noise().quantize(64),
        encoded(noise().quantize(64), "GIF", save_all=True, append_images=[noise(seed=1).quantize(64)]),
        2,
    ),
}


@pytest.mark.parametrize(("picture", "content", "tolerance"), FILES.values(), ids=FILES)
def test_kinds_of_files(read, picture, content, tolerance):
    assert np.abs(pixels(read, content) - resized(picture)).mean() < tolerance


def test_transparent_is_white(read):
    clear = noise()
    clear.putalpha(0)
    assert pixels(read, encoded(clear)).min() == 255
    half = Image.new("RGBA", (40, 40), (100, 0, 200, 128))
    np.testing.assert_array_equal(pixels(read, encoded(half))[5, 5], [177, 127, 227])
    few = Image.new("P", (40, 40), 1)
    few.putpalette([200, 0, 0, 0, 0, 200])
    assert pixels(read, encoded(few, bits=1, transparency=1)).min() == 255
    np.testing.assert_array_equal(pixels(read, encoded(few, bits=1, transparency=0))[5, 5], [0, 0, 200])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("little", [True, False])
def test_turned_by_exif(read, orientation, little):
    exif = Image.Exif()
    exif.endian = "<" if little else ">"
    exif[0x010F] = "a maker whose name stands before the orientation"
    exif[0x0112] = orientation
    content = encoded(noise(), "JPEG", quality=95, subsampling=0, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert np.abs(pixels(read, content) - resized(upright)).mean() < 1.5


JPEG, PNG = encoded(noise(), "JPEG"), encoded(noise())
BAD_FILES = {
    "text": (b"a text that is named .jpg", "is no JPEG, PNG, GIF or BMP picture"),
    "empty": (b"", "is empty"),
    "one pixel": (encoded(Image.new("RGB", (1, 1))), "has 1 x 1 pixels; each side needs at least 8"),
    "too large": (huge_png(20_000, 20_000), "has 20000 x 20000 pixels; at most 50000000 are allowed"),
    "too large bmp": (b"BM" + bytes(16) + b"\x20\x4e\0\0" * 2 + bytes(40), "has 20000 x 20000 pixels"),
    "bmp with a bit a pixel": (encoded(GREY.convert("1"), "BMP"), "is a BMP picture of an unsupported kind"),
    "header alone": (JPEG[:60], "is damaged or cut short: its header is incomplete"),
    "no scan": (JPEG[: JPEG.index(b"\xff\xda") - 2], "is damaged or cut short: its header is incomplete"),
    "two bytes": (b"BM", "is damaged or cut short: its header is incomplete"),
    "truncated jpeg": (JPEG[: len(JPEG) // 2], "is damaged or cut short"),
    "truncated png": (PNG[: len(PNG) // 2], "is damaged or cut short"),
    "png of no pixels": (huge_png(64, 64), "is damaged or cut short"),
}


@pytest.mark.parametrize(("content", "problem"), BAD_FILES.values(), ids=BAD_FILES)
def test_problems_of_bad_files(preprocessor, content, problem):
    found = preprocessor.problem_of(content)
    assert problem in found
    assert "\n" not in found
    assert preprocessor.problem_of(PNG) == ""


def test_a_bad_header_does_not_fail_the_batch(read):
    found, problems = read(tf.constant([PNG, b"text", huge_png(20_000, 20_000), JPEG]))
    assert [bool(problem) for problem in problems.numpy()] == [False, True, True, False]
    assert found.numpy()[1:3].max() == 0
    np.testing.assert_array_equal(found.numpy()[0], pixels(read, PNG))
    assert read(tf.constant([], tf.string))[0].shape == (0, 32, 32, 3)


def test_any_bytes_after_a_valid_signature_are_handled(preprocessor):
    generator = np.random.default_rng(0)
    for beginning in (JPEG[:4], JPEG[:30], PNG[:16], b"GIF89a", b"BM"):
        for _ in range(8):
            preprocessor.problem_of(beginning + generator.bytes(200))
