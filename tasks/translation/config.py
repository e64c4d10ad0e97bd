"""Settings of the translation task."""

from typing import Literal

import pydantic
from pydantic import Field

from common.config import DataSettings, Settings, TaskSettings
from common.inputs.settings import SubwordSettings
from common.kinds.writing.settings import SearchSettings


class TranslationDataSettings(DataSettings):
    """Where the pairs of sentences come from."""

    pair: str = Field(
        "", description="languages, from-to, as in en-de; empty: the first that the data set has"
    )
    source_column: str = Field("source", description="column of the user's table with the sentence")
    target_column: str = Field("target", description="column of the user's table with its translation")
    maximum_words: int = Field(100, ge=1, description="words of either side above which a pair is left out")
    maximum_ratio: float = Field(
        9.0, gt=1, description="words of one side for each of the other above which a pair is left out"
    )
    keep_copies: bool = Field(False, description="whether pairs whose two sides are equal are learned from")


class TextSettings(Settings):
    """How the sentences of both languages become numbers."""

    source: SubwordSettings
    target: SubwordSettings
    joint: bool = Field(
        False,
        description="whether both languages share one vocabulary, that of the source; needs equal units "
        "and lowercase",
    )


class ModelSettings(Settings):
    """Encoder, decoder and attention."""

    embedding_dimension: int = Field(256, ge=1, description="numbers that stand for a piece")
    tied_embeddings: Literal["none", "target", "all"] = Field(
        "target",
        description="vectors that are the same: none | target (read and written) | all (of the source too)",
    )
    cell: Literal["elman", "lstm", "gru"] = Field("gru", description="elman | lstm | gru")
    encoder_units: int = Field(256, ge=1, description="hidden units of each direction of each layer")
    encoder_layers: int = Field(1, ge=1, description="bidirectional layers on top of one another")
    decoder_units: int = Field(256, ge=1, description="hidden units of each layer of the decoder")
    decoder_layers: int = Field(1, ge=1, description="layers of the decoder")
    attention: Literal["bahdanau", "dot", "general", "scaled"] = Field(
        "bahdanau", description="bahdanau | dot | general | scaled (the last three are Luong's)"
    )
    input_feeding: bool = Field(False, description="whether a step also sees the output of the one before")
    word_dropout: float = Field(0.0, ge=0, lt=1, description="share of the source's pieces made unknown")
    embedding_dropout: float = Field(
        0.0, ge=0, lt=1, description="share of a vector's numbers dropped, the same in a whole sentence"
    )
    recurrent_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share dropped before each recurrent layer of the decoder, and between "
        "those of the encoder, the same in a whole sentence",
    )
    memory_dropout: float = Field(0.0, ge=0, lt=1, description="share of the encoder's outputs dropped")
    output_dropout: float = Field(0.0, ge=0, lt=1, description="share dropped before the pieces are chosen")
    scheduled_sampling: float = Field(
        0.0, ge=0, lt=1, description="share of the steps that are given the model's own piece in training"
    )


class TranslationSearchSettings(SearchSettings):
    """How translations are searched for."""

    coverage_penalty: float = Field(
        0.0, ge=0, description="the larger, the more of the source must have been attended to"
    )
    length_ratio: float = Field(
        2.0, gt=0, description="pieces of a translation at most, for each of its source's"
    )
    length_extra: int = Field(10, ge=0, description="pieces that are allowed beside those")


class TranslationSettings(TaskSettings):
    """All settings of a translation run."""

    data: TranslationDataSettings
    text: TextSettings
    model: ModelSettings
    search: TranslationSearchSettings

    @pydantic.model_validator(mode="after")
    def _shared_vectors_need_a_shared_vocabulary(self) -> "TranslationSettings":
        if self.model.tied_embeddings == "all" and not self.text.joint:
            raise ValueError("model.tied_embeddings=all needs text.joint=true")
        return self

    @pydantic.model_validator(mode="after")
    def _products_need_like_widths(self) -> "TranslationSettings":
        model = self.model
        if model.attention in ("dot", "scaled") and model.decoder_units != 2 * model.encoder_units:
            raise ValueError(
                f"model.attention={model.attention} needs model.decoder_units={2 * model.encoder_units}: "
                "twice model.encoder_units, as the encoder reads both ways; or use general"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _a_shared_vocabulary_needs_like_texts(self) -> "TranslationSettings":
        for name in ("units", "lowercase"):
            values = [getattr(side, name) for side in (self.text.source, self.text.target)]
            if self.text.joint and values[0] != values[1]:
                raise ValueError(
                    f"text.joint=true needs equal text.source.{name} and text.target.{name}, not {values[0]} "
                    f"and {values[1]}"
                )
        return self


SETTINGS = TranslationSettings
