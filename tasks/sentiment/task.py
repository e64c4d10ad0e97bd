"""Sentiment: classification of texts by the writer's opinion (many to one)."""

from collections.abc import Iterable
from typing import ClassVar

import keras

from common.contract.serving import ServingModule
from common.data.examples import Example
from common.data.source import Source
from common.inputs.embeddings import glove_vectors
from common.inputs.words import FIRST_WORD
from common.kinds.labels import LabelTask
from tasks.sentiment.config import SentimentSettings
from tasks.sentiment.data import DATA_SETS
from tasks.sentiment.evaluation import score_baselines
from tasks.sentiment.model import build_model
from tasks.sentiment.predictor import SentimentPredictor
from tasks.sentiment.preprocessing import SentimentPreprocessing
from tasks.sentiment.serving import SentimentServing


class SentimentTask(LabelTask[SentimentSettings, SentimentPreprocessing]):
    """Classification of texts."""

    name = "sentiment"
    settings_class = SentimentSettings
    data_sets = DATA_SETS
    columns: ClassVar[dict[str, str]] = {"text": "text_column", "label": "label_column"}
    preprocessing_class = SentimentPreprocessing
    predictor_class = SentimentPredictor

    def build_model(self, preprocessing: SentimentPreprocessing) -> keras.Model:
        """Build the classifier."""
        model, text = self.settings.model, preprocessing.text
        vectors = None
        if model.embeddings == "glove":
            vectors = glove_vectors(
                text.vocabulary, FIRST_WORD, model.embedding_dimension, self.settings.seed
            )
        return build_model(self.settings, text.size, len(preprocessing.labels), vectors, preprocessing.ratios)

    def serving(self, preprocessing: SentimentPreprocessing, models: list[keras.Model]) -> ServingModule:
        """Join preprocessing, model and decoding."""
        return SentimentServing(preprocessing, *models)

    def baselines(
        self, source: Source, preprocessing: SentimentPreprocessing, examples: Iterable[Example]
    ) -> dict[str, dict[str, float]]:
        """Score the majority class, and TF-IDF with logistic regression."""
        return score_baselines(source, preprocessing, examples)


TASK = SentimentTask
