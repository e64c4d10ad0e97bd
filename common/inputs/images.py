"""Image preprocessing inside the graph: from encoded files to pixels of one size.

Training, evaluate, predict and the SavedModel all call the same `ImagePreprocessor`.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import tensorflow as tf

from common.inputs.image_headers import BMP, GIF, JPEG, NO_IMAGE, PNG, Header, bmp_palette, read_header
from common.inputs.settings import ImageSettings

# Pixels; smaller images are refused.
SMALLEST_SIDE = 8
# Problem of a file with a valid header.
BROKEN = "is damaged or cut short: its pixels cannot be decoded"
# Supported bits per pixel of BMP files: palette, colour, colour with a fourth byte.
BMP_BITS = (8, 24, 32)


def read_image(path: Path) -> tuple[bytes, str]:
    """Read a file; return its bytes, and the problem if any, phrased to follow the file's name."""
    try:
        return path.read_bytes(), ""
    except OSError as error:
        return b"", f"cannot be read ({error.strerror})"


class ImagePreprocessor(tf.Module):
    """Decode image files, rotate them upright, blend transparency with white, and resize.

    Supports JPEG (also greyscale and CMYK; with Exif orientation), PNG (also 1 to 16 bits, greyscale, with a
    palette or transparent), the first frame of a GIF, and BMP (also greyscale and with a palette of 256
    colours). Images are resized to a square without preserving the aspect ratio, with antialiasing when
    shrinking.

    Problems found in a header are returned as text instead of raised, so that one bad file does not fail the
    batch. Undecodable pixels raise: see `problem_of`.
    """

    def __init__(self, settings: ImageSettings) -> None:
        super().__init__(name="picture_preprocessor")
        self.settings = settings

    def __call__(self, contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Files to pixels.

        Args:
            contents: (batch,) strings, the encoded files.

        Returns:
            Pixels (batch, size, size, 3) uint8, and problems (batch,) strings: empty, or the problem
            with the file, whose pixels are then black.

        Raises:
            InvalidArgumentError: if a file with a valid header cannot be decoded.
        """
        size = self.settings.size
        return tf.map_fn(
            self._read,
            contents,
            fn_output_signature=(tf.TensorSpec([size, size, 3], tf.uint8), tf.TensorSpec([], tf.string)),
        )

    def problem_of(self, content: bytes) -> str:
        """Describe the problem with a file, phrased to follow its name; empty if there is none."""
        try:
            _, problems = _checked(self.settings.model_dump_json())(tf.constant([content], tf.string))
        except tf.errors.OpError:
            return BROKEN
        return problems[0].numpy().decode()

    def _read(self, content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        header = read_header(content)
        problem = self._problem(content, header)
        size = self.settings.size
        pixels = tf.cond(
            tf.equal(problem, ""),
            lambda: self._pixels(content, header),
            lambda: tf.zeros([size, size, 3], tf.uint8),
        )
        return pixels, problem

    def _problem(self, content: tf.Tensor, header: Header) -> tf.Tensor:
        sides = tf.strings.join(
            [tf.strings.as_string(header.width), tf.strings.as_string(header.height)], " x "
        )
        too_many = f" pixels; at most {self.settings.maximum_pixels} are allowed (picture.maximum_pixels)"
        too_few = f" pixels; each side needs at least {SMALLEST_SIDE}"
        problem = tf.constant("")
        # If several conditions hold, the last one is reported.
        for condition, message in (
            (
                tf.equal(header.kind, BMP) & ~tf.reduce_any(tf.equal(header.bits, BMP_BITS)),
                "is a BMP picture of an unsupported kind: save it as PNG",
            ),
            (
                tf.minimum(header.height, header.width) < SMALLEST_SIDE,
                tf.strings.join(["has ", sides, too_few]),
            ),
            (
                header.height * header.width > self.settings.maximum_pixels,
                tf.strings.join(["has ", sides, too_many]),
            ),
            (tf.equal(header.height * header.width, 0), "is damaged or cut short: its header is incomplete"),
            (tf.equal(header.kind, NO_IMAGE), "is no JPEG, PNG, GIF or BMP picture"),
            (tf.equal(content, ""), "is empty"),
        ):
            problem = tf.where(condition, message, problem)
        return problem

    def _pixels(self, content: tf.Tensor, header: Header) -> tf.Tensor:
        decoders = {
            JPEG: lambda: tf.io.decode_jpeg(content, channels=3),
            PNG: lambda: _on_white(tf.io.decode_png(content, channels=4), header.bits),
            GIF: lambda: tf.ensure_shape(
                tf.io.decode_image(content, channels=3, expand_animations=False), [None, None, 3]
            ),
            BMP: lambda: _read_bmp(content),
        }
        # The kind is valid here, but switch_case needs a branch for every index.
        image = tf.switch_case(header.kind, decoders | {NO_IMAGE: decoders[PNG]})
        image = _upright(image, header.orientation)
        resized = tf.image.resize(image, [self.settings.size] * 2, antialias=True)
        return tf.cast(tf.round(tf.clip_by_value(resized, 0, 255)), tf.uint8)


@cache
def _checked(settings: str) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """The graph of a preprocessor with these settings, as JSON: traced once, for all that check files."""
    preprocessor = ImagePreprocessor(ImageSettings.model_validate_json(settings))
    signature = [tf.TensorSpec([None], tf.string)]
    return tf.function(preprocessor.__call__, input_signature=signature, autograph=False)


def _read_bmp(content: tf.Tensor) -> tf.Tensor:
    """Decode to pixels (height, width, 3), with palette indices replaced by colours."""
    image = tf.io.decode_bmp(content)  # (height, width, 1, 3 or 4)
    colours = tf.cond(
        tf.equal(tf.shape(image)[2], 1),
        lambda: tf.gather(bmp_palette(content), tf.cast(image[..., 0], tf.int32)),
        lambda: image[..., :3],
    )
    return tf.ensure_shape(colours, [None, None, 3])


def _on_white(image: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Blend pixels (height, width, 4) with white according to their alpha channel.

    For a PNG without alpha, the decoder sets alpha to the maximum of its `bits`.
    """

    def blended() -> tf.Tensor:
        colours, alpha = tf.cast(image[..., :3], tf.float32), tf.cast(image[..., 3:], tf.float32) / 255
        return tf.cast(tf.round(colours * alpha + 255 * (1 - alpha)), tf.uint8)

    largest = tf.cast(2 ** tf.minimum(bits, 8) - 1, tf.uint8)
    # Most images are fully opaque, and blending large ones needs much memory.
    return tf.cond(tf.reduce_all(tf.equal(image[..., 3], largest)), lambda: image[..., :3], blended)


def _upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Rotate and mirror an image (height, width, 3) according to its Exif orientation."""

    def apply_if(orientations: list[int], transform: object, image: tf.Tensor) -> tf.Tensor:
        applies = tf.reduce_any(tf.equal(orientation, orientations))
        return tf.cond(applies, lambda: transform(image), lambda: image)

    image = apply_if([5, 6, 7, 8], lambda it: tf.transpose(it, [1, 0, 2]), image)
    image = apply_if([2, 3, 6, 7], lambda it: tf.reverse(it, [1]), image)
    return apply_if([3, 4, 7, 8], lambda it: tf.reverse(it, [0]), image)
