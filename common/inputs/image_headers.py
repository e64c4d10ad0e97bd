"""What the first bytes of a picture file say, read inside the graph: its kind, size, which way is up."""

from typing import Any, NamedTuple

import tensorflow as tf

NO_PICTURE, JPEG, PNG, GIF, BMP = range(5)
_BEGINNINGS = {JPEG: b"\xff\xd8\xff", PNG: b"\x89PNG\r\n\x1a\n", GIF: b"GIF8", BMP: b"BM"}

# Markers of JPEG: what Exif stands in, the scan, where the header ends, and those of frames but three.
_EXIF_SEGMENT, _SCAN, _END = 0xE1, 0xDA, 0xD9
_FRAMES = sorted(set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC})
_ORIENTATION_TAG = 0x0112
# Of BMP: no compression, the second with masks of the colours.
_PLAIN = (0, 3)
# Entries of an Exif directory that are looked at.
_MOST_ENTRIES = 64


class Header(NamedTuple):
    """What a file says of its picture; all tensors ()."""

    kind: Any  # int32, NO_PICTURE, JPEG, PNG, GIF or BMP
    height: Any  # int64, pixels as they are stored; 0 if the header is not whole
    width: Any  # int64
    orientation: Any  # int32, Exif's 1 to 8; 1 is upright
    bits: Any  # int64, of a sample of a PNG, of a pixel of a BMP, where 0 is a compressed one; 8 of others


def read_header(content: tf.Tensor) -> Header:
    """Read the header of a file () without decoding its pixels.

    Source: PNG: ISO/IEC 15948; JPEG: ITU-T T.81; GIF 89a; BMP: Microsoft, BITMAPINFOHEADER; orientation:
    CIPA DC-008 (Exif 2.3).
    """
    kind = tf.constant(NO_PICTURE)
    for number, beginning in _BEGINNINGS.items():
        same = tf.equal(tf.strings.substr(content, 0, len(beginning)), beginning)
        kind = tf.where(same, number, kind)
    data = _bytes(content)
    upright, usual_bits = tf.constant(1), tf.constant(8, tf.int64)

    def of_jpeg() -> Any:
        return *_read_jpeg(data), usual_bits

    def of_png() -> Any:
        height, width = (_number(data, place, 4, False) for place in (20, 16))
        return height, width, upright, _number(data, 24, 1, False)

    def of_gif() -> Any:
        height, width = (_number(data, place, 2, True) for place in (8, 6))
        return height, width, upright, usual_bits

    def of_bmp() -> Any:
        height, width, bits = _read_bmp(data)
        return height, width, upright, bits

    nothing = tf.constant(0, tf.int64)
    found = tf.switch_case(
        kind, [lambda: (nothing, nothing, upright, usual_bits), of_jpeg, of_png, of_gif, of_bmp]
    )
    return Header(kind, *found)


def bmp_palette(content: tf.Tensor) -> tf.Tensor:
    """Colours (256, 3) uint8 that the numbers of a BMP file () of 8 bits a pixel stand for."""
    data = _bytes(content)
    start = 14 + tf.cast(tf.minimum(_number(data, 14, 4, True), tf.size(data, tf.int64)), tf.int32)
    # Four bytes each: blue, green, red, and one that says nothing.
    places = start + 4 * tf.range(256)[:, tf.newaxis] + [2, 1, 0]
    return tf.gather(data, tf.minimum(places, tf.size(data) - 1))


def _bytes(content: tf.Tensor) -> tf.Tensor:
    """The bytes of a file (), and some zeros behind its end."""
    return tf.pad(tf.io.decode_raw(content, tf.uint8), [[0, 32]])


def _number(data: tf.Tensor, place: Any, size: int, little: Any) -> tf.Tensor:
    """Whole numbers of `size` bytes at places of any shape, int64."""
    place = tf.convert_to_tensor(place)
    offsets = tf.range(size)
    places = tf.minimum(place[..., tf.newaxis] + offsets, tf.size(data) - 1)
    digits = tf.cast(tf.gather(data, places), tf.int64)  # (..., size)
    exponents = tf.cast(tf.where(little, offsets, size - 1 - offsets), tf.int64)
    return tf.reduce_sum(digits * 256**exponents, axis=-1)


def _read_bmp(data: tf.Tensor) -> tuple[Any, Any, Any]:
    """Height, width, and bits of a pixel."""
    height, width = _number(data, 22, 4, True), _number(data, 18, 4, True)
    # A negative height says that the first row is at the top.
    height = tf.where(height >= 2**31, 2**32 - height, height)
    compression = _number(data, 30, 4, True)
    is_plain = tf.reduce_any(tf.equal(compression, _PLAIN))
    return height, width, tf.where(is_plain, _number(data, 28, 2, True), 0)


def _read_jpeg(data: tf.Tensor) -> tuple[Any, Any, Any]:
    """Height, width and orientation: walk along the segments to the scan, past Exif and the frame.

    A file that breaks off before its scan has no size: the decoder would complain of it on its own.
    """
    size = tf.size(data)

    def go_on(place: Any, exif: Any, frame: Any, scan: Any) -> Any:
        # All is computed in any case, and data must not be read beyond its end.
        return (scan < 0) & (place + 32 < size) & tf.equal(data[tf.minimum(place, size - 1)], 0xFF)

    def next_segment(place: Any, exif: Any, frame: Any, scan: Any) -> tuple[Any, Any, Any, Any]:
        marker = tf.cast(data[place + 1], tf.int32)
        length = tf.cast(_number(data, place + 2, 2, False), tf.int32)
        is_exif = tf.equal(marker, _EXIF_SEGMENT) & tf.reduce_all(
            tf.equal(data[place + 4 : place + 8], tf.constant(list(b"Exif"), tf.uint8))
        )
        exif = tf.where(is_exif & (exif < 0), place + 10, exif)
        is_frame = tf.reduce_any(tf.equal(marker, _FRAMES))
        frame = tf.where(is_frame & (frame < 0), place, frame)
        # Bytes 0xFF may stand before a marker; behind the scan there is no header.
        step = tf.where(tf.equal(marker, 0xFF), 1, 2 + length)
        ends = tf.equal(marker, _SCAN) | tf.equal(marker, _END)
        return place + step, exif, frame, tf.where(ends, place, scan)

    place, exif, frame, scan = tf.while_loop(go_on, next_segment, (2, -1, -1, -1))
    said = (frame >= 0) & ((scan >= 0) | (place + 32 < size))
    height, width = (tf.where(said, _number(data, frame + offset, 2, False), 0) for offset in (5, 7))
    orientation = tf.cond(exif >= 0, lambda: _read_orientation(data, exif), lambda: tf.constant(1))
    return height, width, orientation


def _read_orientation(data: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """Look the orientation up in the first directory of Exif data that starts at `start`."""
    little = tf.equal(data[tf.minimum(start, tf.size(data) - 1)], ord("I"))
    offset = tf.minimum(_number(data, start + 4, 4, little), tf.size(data, tf.int64))
    directory = start + tf.cast(offset, tf.int32)
    count = tf.minimum(tf.cast(_number(data, directory, 2, little), tf.int32), _MOST_ENTRIES)
    entries = directory + 2 + 12 * tf.range(count)
    tags, values = (_number(data, entries + place, 2, little) for place in (0, 8))
    found = tf.reduce_max(tf.where(tf.equal(tags, _ORIENTATION_TAG), values, 0))
    # The largest of no entries is the smallest number there is.
    return tf.cast(tf.where((found >= 1) & (found <= 8), found, 1), tf.int32)
