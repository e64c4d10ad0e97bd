"""Settings of model inputs: words, subwords, pictures. Nothing here needs TensorFlow."""

from typing import Literal

from pydantic import Field

from common.config import Settings


class TextSettings(Settings):
    """How texts are split into words."""

    lowercase: bool = Field(True, description="convert text to lower case")
    vocabulary_size: int = Field(30_000, ge=1, description="maximum number of words, by training frequency")
    minimum_count: int = Field(
        2, ge=1, description="occurrences in the training split that a word needs to be in the vocabulary"
    )
    pairs: int = Field(
        0, ge=0, description="maximum number of word bigrams, by training frequency; 0 for none"
    )
    maximum_length: int = Field(400, ge=1, description="number of words after which a text is truncated")


class SubwordSettings(Settings):
    """How the texts of one language are split into subwords."""

    units: Literal["bpe", "unigram", "words", "characters"] = Field(
        "bpe", description="pieces: bpe | unigram | words | characters"
    )
    vocabulary_size: int = Field(8_000, ge=1, description="maximum number of distinct pieces")
    minimum_count: int = Field(
        1, ge=1, description="occurrences in the training texts that a word or character needs to be a piece"
    )
    character_coverage: float = Field(
        0.9995,
        gt=0.9,
        le=1,
        description="fraction of the training characters covered by pieces; rarer ones are unknown",
    )
    lowercase: bool = Field(False, description="convert text to lower case")
    maximum_length: int = Field(100, ge=1, description="number of pieces after which a text is truncated")


class ImageSettings(Settings):
    """How pictures are read."""

    size: int = Field(192, ge=32, le=1024, description="side in pixels to which pictures are resized")
    maximum_pixels: int = Field(
        50_000_000, ge=1, description="maximum number of pixels; larger pictures are refused before decoding"
    )
