"""Settings of the sentiment task."""

from typing import Literal

import pydantic
from pydantic import Field

from common.config import DataSettings, Settings, TaskSettings
from common.inputs.settings import TextSettings


class SentimentDataSettings(DataSettings):
    """Source of the labelled texts."""

    text_column: str = Field("text", description="column of your file with the text")
    label_column: str = Field("label", description="column of your file with the label")
    phrases: bool = Field(False, description="for sst: train on the phrases of the training trees too")


class ModelSettings(Settings):
    """The classifier."""

    embeddings: Literal["random", "glove"] = Field(
        "random", description="initial word embeddings: random | glove (50 dimensions, from a Python package)"
    )
    embedding_dimension: int = Field(128, ge=1, description="dimension of the word embeddings")
    train_embeddings: bool = Field(True, description="train the word embeddings")
    word_dropout: float = Field(
        0.0, ge=0, lt=1, description="probability that a word is replaced by the unknown word in training"
    )
    embedding_dropout: float = Field(0.0, ge=0, lt=1, description="dropout rate of the word embeddings")
    cell: Literal["elman", "lstm", "gru"] = Field("lstm", description="elman | lstm | gru")
    units: int = Field(128, ge=1, description="hidden units per direction and layer")
    layers: int = Field(1, ge=1, description="number of stacked recurrent layers")
    bidirectional: bool = Field(True, description="use bidirectional recurrent layers")
    merge: Literal["concat", "sum"] = Field(
        "concat", description="how the two directions are merged: concat | sum"
    )
    recurrent_dropout: float = Field(0.0, ge=0, lt=1, description="dropout rate between recurrent layers")
    pooling: Literal["last", "mean", "max", "attention"] = Field(
        "max", description="pooling over the steps: last | mean | max | attention"
    )
    segment_length: int | None = Field(
        None,
        ge=2,
        description="length in words of segments that the recurrent layers process independently; default: "
        "the whole text",
    )
    bag_of_words: bool = Field(
        False, description="use the sum of the word embeddings as a further input of the classifier"
    )
    pair_dimension: int = Field(32, ge=1, description="dimension of the embeddings of bigrams (text.pairs)")
    naive_bayes: bool = Field(
        False, description="add the logits of naive Bayes over words and bigrams, with learned factors"
    )
    recurrent_absence: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="for naive_bayes: probability that a training text's recurrent logits are dropped",
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout rate before the classifier")


class SentimentSettings(TaskSettings):
    """All settings of a sentiment run."""

    data: SentimentDataSettings
    text: TextSettings
    model: ModelSettings

    @pydantic.model_validator(mode="after")
    def _whole_texts_have_a_last_state(self) -> "SentimentSettings":
        if self.model.segment_length is not None and self.model.pooling == "last":
            raise ValueError("model.segment_length needs model.pooling mean, max or attention, not last")
        return self


SETTINGS = SentimentSettings
