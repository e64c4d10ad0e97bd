"""Emoji: their names, their image files, and groups of emoji that look the same."""

import json
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

SKIN_TONES = range(0x1F3FB, 0x1F400)
VARIATION_SELECTOR = 0xFE0F
# The package's status of emoji in their standard form.
FULLY_QUALIFIED = 2


def read_names(folder: Path, language: str) -> dict[str, str]:
    """Read the characters and the name of each emoji, the name with spaces between words.

    Args:
        folder: of the package's tables.
        language: of the names.
    """
    emoji = json.loads((folder / "emoji.json").read_text(encoding="utf-8"))
    if language == "en":
        names = {characters: entry["en"] for characters, entry in emoji.items()}
    else:
        names = json.loads((folder / f"emoji_{language}.json").read_text(encoding="utf-8"))
    return {
        characters: name.strip(":").replace("_", " ").strip()
        for characters, name in names.items()
        if emoji[characters]["status"] == FULLY_QUALIFIED
    }


def image_file(folder: Path, characters: str) -> Path | None:
    """Find the file of an emoji, named by its code points, usually without the variation selector."""
    for left_out in ((), (VARIATION_SELECTOR,)):
        codes = [f"{ord(character):x}" for character in characters if ord(character) not in left_out]
        path = folder / f"{'-'.join(codes)}.png"
        if path.is_file():
            return path
    return None


def number_groups(emoji: list[str], digests: list[str]) -> np.ndarray:
    """Group emoji that differ only in skin tone, or have identical images.

    Args:
        emoji: characters of each emoji.
        digests: of the image of each emoji.

    Returns:
        (emoji,) index of each emoji's group.
    """
    plain = [
        "".join(c for c in characters if ord(c) not in SKIN_TONES and ord(c) != VARIATION_SELECTOR)
        for characters in emoji
    ]
    keys = {key: number for number, key in enumerate(dict.fromkeys([*plain, *digests]))}
    edges = [[keys[key] for key in plain], [keys[key] for key in digests]]
    links = coo_array((np.ones(len(emoji)), edges), shape=(len(keys), len(keys)))
    _, components = connected_components(links, directed=False)
    return components[edges[0]]
