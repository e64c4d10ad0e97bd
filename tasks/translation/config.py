"""Settings of the translation task."""

from typing import Literal

import pydantic
from pydantic import Field

from common.config import DataSettings, Settings, TaskSettings
from common.inputs.settings import SubwordSettings
from common.kinds.writing.settings import SearchSettings


class TranslationDataSettings(DataSettings):
    """Source of the pairs of sentences."""

    pair: str = Field("", description="languages, source-target, e.g. en-de; default: the data set's first")
    source_column: str = Field("source", description="column of your table with the sentence")
    target_column: str = Field("target", description="column of your table with its translation")
    maximum_words: int = Field(
        100, ge=1, description="maximum number of words of each side; longer pairs are left out"
    )
    maximum_ratio: float = Field(
        9.0, gt=1, description="maximum ratio of the two sides' lengths in words; other pairs are left out"
    )
    keep_copies: bool = Field(False, description="keep pairs with two equal sides")


class TextSettings(Settings):
    """How the sentences of both languages are split into pieces."""

    source: SubwordSettings
    target: SubwordSettings
    joint: bool = Field(
        False,
        description="use one vocabulary for both languages, that of the source; needs equal units and "
        "lowercase",
    )


class ModelSettings(Settings):
    """Encoder, decoder and attention."""

    embedding_dimension: int = Field(256, ge=1, description="dimension of the embeddings of pieces")
    tied_embeddings: Literal["none", "target", "all"] = Field(
        "target",
        description="shared embeddings: none | target (input and output) | all (also those of the source)",
    )
    cell: Literal["elman", "lstm", "gru"] = Field("gru", description="elman | lstm | gru")
    encoder_units: int = Field(256, ge=1, description="hidden units per direction and layer of the encoder")
    encoder_layers: int = Field(1, ge=1, description="number of stacked bidirectional layers")
    decoder_units: int = Field(256, ge=1, description="hidden units of each layer of the decoder")
    decoder_layers: int = Field(1, ge=1, description="layers of the decoder")
    attention: Literal["bahdanau", "dot", "general", "scaled"] = Field(
        "bahdanau", description="bahdanau | dot | general | scaled (the last three are Luong's)"
    )
    input_feeding: bool = Field(False, description="feed the previous output to the next step")
    word_dropout: float = Field(
        0.0, ge=0, lt=1, description="probability that a source piece is replaced by the unknown piece"
    )
    embedding_dropout: float = Field(
        0.0, ge=0, lt=1, description="dropout rate of the embeddings, the same mask in a whole sentence"
    )
    recurrent_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="dropout rate of the inputs of each recurrent layer of the decoder, and between those of "
        "the encoder, the same mask in a whole sentence",
    )
    memory_dropout: float = Field(0.0, ge=0, lt=1, description="dropout rate of the encoder's outputs")
    output_dropout: float = Field(0.0, ge=0, lt=1, description="dropout rate before the output layer")
    scheduled_sampling: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="probability that a training step gets the model's own piece as input",
    )


class TranslationSearchSettings(SearchSettings):
    """How translations are searched for."""

    coverage_penalty: float = Field(
        0.0, ge=0, description="weight of the coverage penalty for source pieces with little attention"
    )
    length_ratio: float = Field(
        2.0, gt=0, description="maximum length of a translation, relative to its source, in pieces"
    )
    length_extra: int = Field(10, ge=0, description="number of pieces added to this maximum")


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
    def _products_need_equal_widths(self) -> "TranslationSettings":
        model = self.model
        if model.attention in ("dot", "scaled") and model.decoder_units != 2 * model.encoder_units:
            raise ValueError(
                f"model.attention={model.attention} needs model.decoder_units={2 * model.encoder_units}, "
                "twice model.encoder_units; or set model.attention=general"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _a_shared_vocabulary_needs_equal_preprocessing(self) -> "TranslationSettings":
        for name in ("units", "lowercase"):
            values = [getattr(side, name) for side in (self.text.source, self.text.target)]
            if self.text.joint and values[0] != values[1]:
                raise ValueError(
                    f"text.joint=true needs equal text.source.{name} and text.target.{name}, not {values[0]} "
                    f"and {values[1]}"
                )
        return self


SETTINGS = TranslationSettings
