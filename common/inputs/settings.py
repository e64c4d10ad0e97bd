"""Settings of what a model reads: words, pieces of words, pictures. Nothing here needs TensorFlow."""

from typing import Literal

from pydantic import Field

from common.config import Settings


class TextSettings(Settings):
    """How text becomes numbers."""

    lowercase: bool = Field(True, description="write everything in small letters first")
    vocabulary_size: int = Field(30_000, ge=1, description="most frequent training words that are kept")
    minimum_count: int = Field(
        2, ge=1, description="times a word must occur in the training split to be kept"
    )
    pairs: int = Field(
        0, ge=0, description="most frequent pairs of neighbouring training words that are kept"
    )
    maximum_length: int = Field(400, ge=1, description="words after which a text is cut")


class SubwordSettings(Settings):
    """How the texts of one language become numbers."""

    units: Literal["bpe", "unigram", "words", "characters"] = Field(
        "bpe", description="pieces: bpe | unigram | words | characters"
    )
    vocabulary_size: int = Field(8_000, ge=1, description="different pieces at most")
    minimum_count: int = Field(
        1, ge=1, description="times a word or a character must occur in the training texts to be a piece"
    )
    character_coverage: float = Field(
        0.9995,
        gt=0.9,
        le=1,
        description="share of the training characters that are kept; rare others are unknown",
    )
    lowercase: bool = Field(False, description="write everything in small letters first")
    maximum_length: int = Field(100, ge=1, description="pieces after which a text is cut")


class PictureSettings(Settings):
    """How pictures become numbers."""

    size: int = Field(192, ge=32, le=1024, description="pixels of each side that the encoder sees")
    maximum_pixels: int = Field(
        50_000_000, ge=1, description="pixels of a picture above which it is refused, before it is decoded"
    )
