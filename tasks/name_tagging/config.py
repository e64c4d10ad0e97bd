"""Settings of the name-tagging task."""

from typing import Literal

import pydantic
from pydantic import Field

from common.config import DataSettings, Settings, TaskSettings


class NameTaggingDataSettings(DataSettings):
    """Source of the tagged sentences."""

    entity_types: list[str] | None = Field(
        None, min_length=1, description="types of names to tag, e.g. [PER]; default: all"
    )
    word_column: int = Field(1, description="column of your file with the word; -1 is the last")
    tag_column: int = Field(-1, description="column of your file with the tag; -1 is the last")
    separator: str | None = Field(
        None, min_length=1, description="separator of the columns; default: any run of spaces and tabs"
    )
    scheme: Literal["auto", "iob1", "iob2", "iobes", "bmes"] = Field(
        "auto", description="scheme of your tags: auto (detected) | iob1 | iob2 | iobes | bmes"
    )

    @pydantic.model_validator(mode="after")
    def _columns_are_counted_from_one(self) -> "NameTaggingDataSettings":
        if 0 in (self.word_column, self.tag_column):
            raise ValueError("data.word_column and data.tag_column start at 1, or at -1 for the last column")
        return self


class TextSettings(Settings):
    """How words are converted to indices."""

    units: Literal["words", "characters"] = Field(
        "words", description="units of a sentence: words | characters (Chinese)"
    )
    lowercase: bool = Field(
        True,
        description="look up words in lower case; if false, only words whose original form is unknown",
    )
    zero_digits: bool = Field(True, description="replace every digit by 0, in words and characters")
    minimum_count: int = Field(
        1, ge=1, description="occurrences in the training split that a word needs for its own embedding"
    )
    bigram_minimum_count: int = Field(
        2, ge=1, description="occurrences in the training split that a bigram needs for its own embedding"
    )
    word_length: int = Field(
        20, ge=1, description="number of characters after which a word is truncated for the character encoder"
    )


class ModelSettings(Settings):
    """The tagger."""

    embeddings: Literal["random", "glove"] = Field(
        "glove", description="initial word embeddings: random | glove (50 dimensions, from a Python package)"
    )
    embedding_dimension: int = Field(50, ge=1, description="dimension of the word embeddings")
    unknown_singletons: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="probability that a word that occurs once is replaced by the unknown word in training",
    )
    word_dropout: float = Field(
        0.0, ge=0, lt=1, description="probability that any word is replaced by the unknown word in training"
    )
    characters: Literal["none", "cnn", "rnn"] = Field(
        "cnn", description="encoder of a word's characters: none | cnn | rnn"
    )
    character_dimension: int = Field(30, ge=1, description="dimension of the character embeddings")
    character_width: int = Field(30, ge=2, description="output dimension of the character encoder")
    character_window: int = Field(3, ge=1, description="kernel size of the cnn, in characters")
    character_dropout: float = Field(0.0, ge=0, lt=1, description="dropout rate of the character embeddings")
    capitalization: bool = Field(False, description="use the pattern of capitals as a feature")
    capitalization_dimension: int = Field(5, ge=1, description="dimension of these patterns' embeddings")
    bigrams: bool = Field(False, description="use embeddings of bigrams: each word with the next one")
    bigram_dimension: int = Field(50, ge=1, description="dimension of the bigram embeddings")
    input_dropout: float = Field(0.5, ge=0, lt=1, description="dropout rate before the recurrent layers")
    cell: Literal["elman", "lstm", "gru"] = Field("lstm", description="elman | lstm | gru")
    units: int = Field(100, ge=1, description="hidden units per direction and layer")
    layers: int = Field(1, ge=1, description="number of stacked recurrent layers")
    bidirectional: bool = Field(True, description="use bidirectional recurrent layers")
    recurrent_dropout: float = Field(0.0, ge=0, lt=1, description="dropout rate between recurrent layers")
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout rate before the output layer")
    decoder: Literal["crf", "softmax"] = Field(
        "crf", description="crf (with transition scores between tags) | softmax (each tag independently)"
    )


class NameTaggingSettings(TaskSettings):
    """All settings of a name-tagging run."""

    data: NameTaggingDataSettings
    text: TextSettings
    model: ModelSettings


SETTINGS = NameTaggingSettings
