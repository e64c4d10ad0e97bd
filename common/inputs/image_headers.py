"""Headers of image files, parsed inside the graph: format, size and orientation."""

from typing import Any, NamedTuple

import tensorflow as tf

NO_IMAGE, JPEG, PNG, GIF, BMP = range(5)
_SIGNATURES = {JPEG: b"\xff\xd8\xff", PNG: b"\x89PNG\r\n\x1a\n", GIF: b"GIF8", BMP: b"BM"}

# JPEG markers: the Exif segment, the scan that ends the header, the end of the image, and all frames.
_EXIF_SEGMENT, _SCAN, _END = 0xE1, 0xDA, 0xD9
_FRAMES = sorted(set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC})
_ORIENTATION_TAG = 0x0112
# BMP compression methods without compression; 3 has bit masks for the colours.
_UNCOMPRESSED = (0, 3)
# Entries of an Exif directory that are read.
_MAXIMUM_ENTRIES = 64


class Header(NamedTuple):
    """Header of an image file; all tensors are scalars ()."""

    kind: Any  # int32, NO_IMAGE, JPEG, PNG, GIF or BMP
    height: Any  # int64, pixels as stored; 0 if the header is incomplete
    width: Any  # int64
    orientation: Any  # int32, Exif's 1 to 8; 1 is upright
    bits: Any  # int64, per sample of a PNG; per pixel of a BMP, 0 if it is compressed; else 8


def read_header(content: tf.Tensor) -> Header:
    """Read the header of a file () without decoding its pixels.

    Source: PNG: ISO/IEC 15948; JPEG: ITU-T T.81; GIF 89a; BMP: Microsoft, BITMAPINFOHEADER; orientation:
    CIPA DC-008 (Exif 2.3).
    """
    kind = tf.constant(NO_IMAGE)
    for number, signature in _SIGNATURES.items():
        matches = tf.equal(tf.strings.substr(content, 0, len(signature)), signature)
        kind = tf.where(matches, number, kind)
    data = _bytes(content)
    upright, usual_bits = tf.constant(1), tf.constant(8, tf.int64)

    def of_jpeg() -> Any:
        return *_read_jpeg(data), usual_bits

    def of_png() -> Any:
        height, width = (_number(data, offset, 4, False) for offset in (20, 16))
        return height, width, upright, _number(data, 24, 1, False)

    def of_gif() -> Any:
        height, width = (_number(data, offset, 2, True) for offset in (8, 6))
        return height, width, upright, usual_bits

    def of_bmp() -> Any:
        height, width, bits = _read_bmp(data)
        return height, width, upright, bits

    zero = tf.constant(0, tf.int64)
    fields = tf.switch_case(
        kind, [lambda: (zero, zero, upright, usual_bits), of_jpeg, of_png, of_gif, of_bmp]
    )
    return Header(kind, *fields)


def bmp_palette(content: tf.Tensor) -> tf.Tensor:
    """Palette (256, 3) uint8 of a BMP file () with 8 bits per pixel."""
    data = _bytes(content)
    start = 14 + tf.cast(tf.minimum(_number(data, 14, 4, True), tf.size(data, tf.int64)), tf.int32)
    # Four bytes per colour: blue, green, red, unused.
    offsets = start + 4 * tf.range(256)[:, tf.newaxis] + [2, 1, 0]
    return tf.gather(data, tf.minimum(offsets, tf.size(data) - 1))


def _bytes(content: tf.Tensor) -> tf.Tensor:
    """The bytes of a file (), padded with zeros."""
    return tf.pad(tf.io.decode_raw(content, tf.uint8), [[0, 32]])


def _number(data: tf.Tensor, offset: Any, size: int, little: Any) -> tf.Tensor:
    """Unsigned integers of `size` bytes at offsets of any shape, as int64."""
    offset = tf.convert_to_tensor(offset)
    positions = tf.range(size)
    indices = tf.minimum(offset[..., tf.newaxis] + positions, tf.size(data) - 1)
    digits = tf.cast(tf.gather(data, indices), tf.int64)  # (..., size)
    exponents = tf.cast(tf.where(little, positions, size - 1 - positions), tf.int64)
    return tf.reduce_sum(digits * 256**exponents, axis=-1)


def _read_bmp(data: tf.Tensor) -> tuple[Any, Any, Any]:
    """Height, width and bits per pixel."""
    height, width = _number(data, 22, 4, True), _number(data, 18, 4, True)
    # A negative height means that rows are stored from top to bottom.
    height = tf.where(height >= 2**31, 2**32 - height, height)
    compression = _number(data, 30, 4, True)
    is_uncompressed = tf.reduce_any(tf.equal(compression, _UNCOMPRESSED))
    return height, width, tf.where(is_uncompressed, _number(data, 28, 2, True), 0)


def _read_jpeg(data: tf.Tensor) -> tuple[Any, Any, Any]:
    """Height, width and orientation, by walking the segments (Exif, frame, ...) up to the scan.

    A file that ends before its scan gets no size: the decoder would fail on it.
    """
    size = tf.size(data)

    def has_next(offset: Any, exif: Any, frame: Any, scan: Any) -> Any:
        # All operands are always evaluated, so the index must stay in bounds.
        return (scan < 0) & (offset + 32 < size) & tf.equal(data[tf.minimum(offset, size - 1)], 0xFF)

    def next_segment(offset: Any, exif: Any, frame: Any, scan: Any) -> tuple[Any, Any, Any, Any]:
        marker = tf.cast(data[offset + 1], tf.int32)
        length = tf.cast(_number(data, offset + 2, 2, False), tf.int32)
        is_exif = tf.equal(marker, _EXIF_SEGMENT) & tf.reduce_all(
            tf.equal(data[offset + 4 : offset + 8], tf.constant(list(b"Exif"), tf.uint8))
        )
        exif = tf.where(is_exif & (exif < 0), offset + 10, exif)
        is_frame = tf.reduce_any(tf.equal(marker, _FRAMES))
        frame = tf.where(is_frame & (frame < 0), offset, frame)
        # Fill bytes 0xFF may precede a marker; the header ends at the scan.
        step = tf.where(tf.equal(marker, 0xFF), 1, 2 + length)
        ends = tf.equal(marker, _SCAN) | tf.equal(marker, _END)
        return offset + step, exif, frame, tf.where(ends, offset, scan)

    end, exif, frame, scan = tf.while_loop(has_next, next_segment, (2, -1, -1, -1))
    is_complete = (frame >= 0) & ((scan >= 0) | (end + 32 < size))
    height, width = (tf.where(is_complete, _number(data, frame + offset, 2, False), 0) for offset in (5, 7))
    orientation = tf.cond(exif >= 0, lambda: _read_orientation(data, exif), lambda: tf.constant(1))
    return height, width, orientation


def _read_orientation(data: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """Look up the orientation in the first directory of the Exif data at `start`."""
    little = tf.equal(data[tf.minimum(start, tf.size(data) - 1)], ord("I"))
    offset = tf.minimum(_number(data, start + 4, 4, little), tf.size(data, tf.int64))
    directory = start + tf.cast(offset, tf.int32)
    count = tf.minimum(tf.cast(_number(data, directory, 2, little), tf.int32), _MAXIMUM_ENTRIES)
    entries = directory + 2 + 12 * tf.range(count)
    tags, values = (_number(data, entries + offset, 2, little) for offset in (0, 8))
    orientation = tf.reduce_max(tf.where(tf.equal(tags, _ORIENTATION_TAG), values, 0))
    # Of an empty list, reduce_max is the smallest integer.
    return tf.cast(tf.where((orientation >= 1) & (orientation <= 8), orientation, 1), tf.int32)
