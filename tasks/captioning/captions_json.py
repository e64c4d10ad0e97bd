"""Captions in one JSON value: by name of the picture, in a list of records, or in COCO's format."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.errors import UserError


def json_captions(file: Path, picture_column: str, caption_column: str) -> list[tuple[str, Any, Any]] | None:
    """Read the captions of a file that contains one JSON value.

    Args:
        file: {name: caption or captions}; or [{picture_column: name, caption_column: caption or captions}];
            or COCO's {"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}.
        picture_column: key of a record with the picture's name.
        caption_column: key of a record with the caption or captions.

    Returns:
        Origin, name of the picture, and caption or captions, unchecked and so of any type. None if the file
        is not such a value; it may have one object per line.

    Raises:
        UserError: an image or an annotation in COCO's format lacks a key.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, UnicodeDecodeError):
        return None
    if isinstance(content, list) and all(isinstance(record, dict) for record in content):
        return [
            (f"{file}: record {number}", record.get(picture_column), record.get(caption_column))
            for number, record in enumerate(content, 1)
        ]
    if not isinstance(content, dict) or {picture_column, caption_column} <= set(content):
        return None
    if isinstance(content.get("images"), list) and isinstance(content.get("annotations"), list):
        return list(_coco(file, content["images"], content["annotations"]))
    return [(str(file), name, captions) for name, captions in content.items()]


def _coco(file: Path, images: list[Any], annotations: list[Any]) -> Iterator[tuple[str, Any, Any]]:
    names = {}
    for number, image in enumerate(images, 1):
        identity, name = _keys(f"{file}: image {number}", image, "id", "file_name")
        names[identity] = name
    for number, annotation in enumerate(annotations, 1):
        origin = f"{file}: annotation {number}"
        identity, caption = _keys(origin, annotation, "image_id", "caption")
        yield origin, names.get(identity, f"of image_id {identity}"), caption


def _keys(origin: str, record: Any, *keys: str) -> list[Any]:
    missing = [key for key in keys if not isinstance(record, dict) or key not in record]
    if missing:
        raise UserError(f"{origin} has no {missing[0]!r}: COCO's format needs {' and '.join(keys)}.")
    return [record[key] for key in keys]
