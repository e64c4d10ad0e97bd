"""Pictures inside the graph: bytes of a file in, pixels of one size out.

Training, evaluate, predict and the SavedModel all call the same `PicturePreprocessor`.
"""

from pathlib import Path

import tensorflow as tf

from common.inputs.image_headers import BMP, GIF, JPEG, NO_PICTURE, PNG, Header, bmp_palette, read_header
from common.inputs.settings import PictureSettings

# Pixels; in a smaller picture there is nothing to be seen.
SMALLEST_SIDE = 8
# Said of a file whose header is good.
BROKEN = "is damaged or cut short: its pixels cannot be decoded"
# Bits of a pixel of the BMP pictures that are read: with a palette, coloured, with a fourth byte.
BMP_BITS = (8, 24, 32)


def read_picture(path: Path) -> tuple[bytes, str]:
    """The bytes of a file, and what keeps it from being read, in words that go on after its name."""
    try:
        return path.read_bytes(), ""
    except OSError as error:
        return b"", f"cannot be read ({error.strerror})"


class PicturePreprocessor(tf.Module):
    """Picture files to pixels: decoded, turned upright, laid on white where transparent, and resized.

    JPEG (also grey and CMYK; turned by its Exif flag), PNG (also of 1 to 16 bits, grey, with a palette or
    transparent), the first picture of a GIF, and BMP (also grey and with a palette of 256 colours). The sides
    are stretched to one length each, without regard to their ratio; a picture that is made smaller is
    smoothed first.

    What the header of a file shows to be wrong is said in words instead of raised, so that one bad file does
    not spoil the batch. Broken pixels raise: see `problem_of`.
    """

    def __init__(self, settings: PictureSettings) -> None:
        super().__init__(name="picture_preprocessor")
        self.settings = settings
        self._checked = tf.function(self.__call__, input_signature=[tf.TensorSpec([None], tf.string)])

    def __call__(self, contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Files to pixels.

        Args:
            contents: (batch,) strings, the bytes of each file.

        Returns:
            Pixels (batch, size, size, 3) uint8, and problems (batch,) strings: empty, or what is wrong with
            the file, whose pixels are then black.

        Raises:
            InvalidArgumentError: if a file with a good header cannot be decoded.
        """
        size = self.settings.size
        return tf.map_fn(
            self._read,
            contents,
            fn_output_signature=(tf.TensorSpec([size, size, 3], tf.uint8), tf.TensorSpec([], tf.string)),
        )

    def problem_of(self, content: bytes) -> str:
        """Say what is wrong with one file, in words that go on after its name; empty if it can be read."""
        try:
            _, problems = self._checked(tf.constant([content], tf.string))
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
        many = f" pixels; at most {self.settings.maximum_pixels} are read (picture.maximum_pixels)"
        few = f" pixels; each side needs at least {SMALLEST_SIDE}"
        problem = tf.constant("")
        # The last that holds is said.
        for wrong, words in (
            (
                tf.equal(header.kind, BMP) & ~tf.reduce_any(tf.equal(header.bits, BMP_BITS)),
                "is a BMP picture of a kind that is not read: save it as PNG",
            ),
            (tf.minimum(header.height, header.width) < SMALLEST_SIDE, tf.strings.join(["has ", sides, few])),
            (
                header.height * header.width > self.settings.maximum_pixels,
                tf.strings.join(["has ", sides, many]),
            ),
            (tf.equal(header.height * header.width, 0), "is damaged or cut short: its header is not whole"),
            (tf.equal(header.kind, NO_PICTURE), "is no JPEG, PNG, GIF or BMP picture"),
            (tf.equal(content, ""), "is empty"),
        ):
            problem = tf.where(wrong, words, problem)
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
        # The kind is known here; the library wants a branch for each number all the same.
        picture = tf.switch_case(header.kind, decoders | {NO_PICTURE: decoders[PNG]})
        picture = _upright(picture, header.orientation)
        resized = tf.image.resize(picture, [self.settings.size] * 2, antialias=True)
        return tf.cast(tf.round(tf.clip_by_value(resized, 0, 255)), tf.uint8)


def _read_bmp(content: tf.Tensor) -> tf.Tensor:
    """Pixels (height, width, 3); numbers of a palette become its colours."""
    picture = tf.io.decode_bmp(content)  # (height, width, 1, 3 or 4)
    colours = tf.cond(
        tf.equal(tf.shape(picture)[2], 1),
        lambda: tf.gather(bmp_palette(content), tf.cast(picture[..., 0], tf.int32)),
        lambda: picture[..., :3],
    )
    return tf.ensure_shape(colours, [None, None, 3])


def _on_white(picture: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Lay pixels (height, width, 4), of which the last number is how opaque they are, on white.

    Where a PNG does not say how opaque it is, the decoder writes the largest number of its `bits`.
    """

    def blended() -> tf.Tensor:
        colours, opaque = tf.cast(picture[..., :3], tf.float32), tf.cast(picture[..., 3:], tf.float32) / 255
        return tf.cast(tf.round(colours * opaque + 255 * (1 - opaque)), tf.uint8)

    largest = tf.cast(2 ** tf.minimum(bits, 8) - 1, tf.uint8)
    # Most pictures are opaque throughout, and large ones would take much memory.
    return tf.cond(tf.reduce_all(tf.equal(picture[..., 3], largest)), lambda: picture[..., :3], blended)


def _upright(picture: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turn and mirror a picture (height, width, 3) as its Exif orientation asks for."""

    def where(orientations: list[int], change: object, picture: tf.Tensor) -> tf.Tensor:
        asked = tf.reduce_any(tf.equal(orientation, orientations))
        return tf.cond(asked, lambda: change(picture), lambda: picture)

    picture = where([5, 6, 7, 8], lambda it: tf.transpose(it, [1, 0, 2]), picture)
    picture = where([2, 3, 6, 7], lambda it: tf.reverse(it, [1]), picture)
    return where([3, 4, 7, 8], lambda it: tf.reverse(it, [0]), picture)
