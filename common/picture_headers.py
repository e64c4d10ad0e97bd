"""What the first bytes of a picture file say, read inside the graph: its kind, its size, which way is up."""

from typing import Any, NamedTuple

import tensorflow as tf

NO_PICTURE, JPEG, PNG, GIF, BMP = range(5)
_BEGINNINGS = {JPEG: b"\xff\xd8\xff", PNG: b"\x89PNG\r\n\x1a\n", GIF: b"GIF8", BMP: b"BM"}

# Markers of JPEG: what Exif stands in, the scan, where the header ends, and those of frames but three.
_EXIF_SEGMENT, _SCAN, _END = 0xE1, 0xDA, 0xD9
_FRAMES = sorted(set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC})
_ORIENTATION_TAG = 0x0112
# Entries of an Exif directory that are looked at.
_MOST_ENTRIES = 64


class Header(NamedTuple):
    """What a file says of its picture; all tensors ()."""

    kind: Any  # int32, NO_PICTURE, JPEG, PNG, GIF or BMP
    height: Any  # int64, pixels as they are stored; 0 if the file does not say
    width: Any  # int64
    orientation: Any  # int32, Exif's 1 to 8; 1 is upright


def read_header(content: tf.Tensor) -> Header:
    """Read the header of a file () without decoding its pixels.

    Source: PNG: ISO/IEC 15948; JPEG: ITU-T T.81; GIF 89a; orientation: CIPA DC-008 (Exif 2.3).
    """
    kind = tf.constant(NO_PICTURE)
    for number, beginning in _BEGINNINGS.items():
        same = tf.equal(tf.strings.substr(content, 0, len(beginning)), beginning)
        kind = tf.where(same, number, kind)
    # Bytes beyond the end read as zeros.
    data = tf.pad(tf.io.decode_raw(content, tf.uint8), [[0, 32]])

    def of_jpeg() -> Any:
        return _read_jpeg(data)

    def fixed(height: int, width: int, size: int, little: bool) -> Any:
        sides = [_number(data, place, size, little) for place in (height, width)]
        return *sides, tf.constant(1)

    height, width, orientation = tf.switch_case(
        kind,
        [
            lambda: (tf.constant(0, tf.int64), tf.constant(0, tf.int64), tf.constant(1)),
            of_jpeg,
            lambda: fixed(20, 16, 4, little=False),
            lambda: fixed(8, 6, 2, little=True),
            lambda: _read_bmp(data),
        ],
    )
    return Header(kind, height, width, orientation)


def _number(data: tf.Tensor, place: Any, size: int, little: Any) -> tf.Tensor:
    """Whole numbers of `size` bytes at places of any shape, int64."""
    place = tf.convert_to_tensor(place)
    offsets = tf.range(size)
    places = tf.minimum(place[..., tf.newaxis] + offsets, tf.size(data) - 1)
    digits = tf.cast(tf.gather(data, places), tf.int64)  # (..., size)
    exponents = tf.cast(tf.where(little, offsets, size - 1 - offsets), tf.int64)
    return tf.reduce_sum(digits * 256**exponents, axis=-1)


def _read_bmp(data: tf.Tensor) -> tuple[Any, Any, Any]:
    height, width = _number(data, 22, 4, True), _number(data, 18, 4, True)
    # A negative height says that the first row is at the top.
    height = tf.where(height >= 2**31, 2**32 - height, height)
    return height, width, tf.constant(1)


def _read_jpeg(data: tf.Tensor) -> tuple[Any, Any, Any]:
    """Walk along the segments to the frame, which says the size, and pass Exif on the way."""
    size = tf.size(data)

    def go_on(place: Any, exif: Any, frame: Any) -> Any:
        # Nested, because data must not be read beyond its end.
        return (frame < 0) & (place + 32 < size) & tf.equal(data[tf.minimum(place, size - 1)], 0xFF)

    def next_segment(place: Any, exif: Any, frame: Any) -> tuple[Any, Any, Any]:
        marker = tf.cast(data[place + 1], tf.int32)
        length = tf.cast(_number(data, place + 2, 2, False), tf.int32)
        is_exif = tf.equal(marker, _EXIF_SEGMENT) & tf.reduce_all(
            tf.equal(data[place + 4 : place + 8], tf.constant(list(b"Exif"), tf.uint8))
        )
        exif = tf.where(is_exif & (exif < 0), place + 10, exif)
        frame = tf.where(tf.reduce_any(tf.equal(marker, _FRAMES)), place, frame)
        # Bytes 0xFF may stand before a marker; behind the scan there is no header.
        step = tf.where(tf.equal(marker, 0xFF), 1, 2 + length)
        ends = tf.equal(marker, _SCAN) | tf.equal(marker, _END)
        return tf.where(ends, size, place + step), exif, frame

    _, exif, frame = tf.while_loop(go_on, next_segment, (2, -1, -1))
    said = frame >= 0
    height, width = (tf.where(said, _number(data, frame + place, 2, False), 0) for place in (5, 7))
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
