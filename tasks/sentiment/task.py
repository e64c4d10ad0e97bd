"""Sentiment: what does the writer think? One label for a whole text (many to one)."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import ClassVar

import keras
import tensorflow as tf

from common.contract.predictor import Predictor
from common.contract.serving import ServingModule
from common.data.batching import SequenceBatches
from common.data.examples import Example
from common.data.information import SourceInformation
from common.data.source import Source
from common.data.tables import labelled_rows
from common.errors import UserError
from common.inputs.embeddings import glove_vectors
from common.inputs.words import FIRST_WORD
from common.kinds.labels import ClassificationTask
from tasks.sentiment.config import SentimentSettings
from tasks.sentiment.data import SOURCES, open_sentiment_source
from tasks.sentiment.evaluation import score_baselines
from tasks.sentiment.model import SentimentServing, build_model
from tasks.sentiment.preprocessing import SentimentPreprocessing


class SentimentTask(ClassificationTask):
    """Text in, label and probabilities out."""

    name = "sentiment"
    title = "Sentiment: one label for a text"
    settings_class = SentimentSettings
    column_settings: ClassVar[dict[str, str]] = {"text": "text_column", "label": "label_column"}
    line_feature = "text"

    def sources(self) -> dict[str, SourceInformation]:
        """Reviews, tweets, and the user's own."""
        return SOURCES

    def open_source(self, settings: SentimentSettings) -> Source:
        """Fetch and prepare the labelled texts."""
        return open_sentiment_source(settings.data)

    def labelled_examples(
        self,
        path: Path,
        settings: SentimentSettings,
        labels: list[str],
        on_bad_row: Callable[[UserError], None],
    ) -> Iterator[Example]:
        """Read text and label of each row."""
        data = settings.data
        rows = labelled_rows(
            path, data.text_column, data.label_column, data.skip_bad_rows, labels, on_bad_row
        )
        for row in rows:
            yield {"text": row["text"], "label": row["label"]}

    def learn_preprocessing(self, settings: SentimentSettings, source: Source) -> SentimentPreprocessing:
        """Learn vocabulary and labels."""
        return SentimentPreprocessing.learn(settings, source)

    def load_preprocessing(self, settings: SentimentSettings, directory: Path) -> SentimentPreprocessing:
        """Read vocabulary and labels."""
        return SentimentPreprocessing.load(settings, directory)

    def batches(
        self,
        settings: SentimentSettings,
        source: Source,
        preprocessing: SentimentPreprocessing,
        split: str,
        cache: Path,
    ) -> SequenceBatches:
        """Word numbers and class numbers of one split."""
        return SequenceBatches(preprocessing.examples(source.dataset(split)), cache)

    def build_model(self, settings: SentimentSettings, preprocessing: SentimentPreprocessing) -> keras.Model:
        """Build the classifier."""
        word_vectors = None
        if settings.model.embeddings == "glove":
            word_vectors = glove_vectors(
                preprocessing.text.vocabulary, FIRST_WORD, settings.model.embedding_dimension, settings.seed
            )
        return build_model(
            settings,
            preprocessing.text.size,
            len(preprocessing.labels),
            word_vectors,
            preprocessing.ratios,
        )

    def build_serving(
        self, settings: SentimentSettings, preprocessing: SentimentPreprocessing, model: keras.Model
    ) -> ServingModule:
        """Join preprocessing, model and decoding."""
        return SentimentServing(preprocessing, model)

    def request(self, examples: list[Example]) -> dict[str, tf.Tensor]:
        """Texts as one string tensor."""
        return {"text": tf.constant([example["text"] for example in examples], tf.string)}

    def length(self, example: Example) -> int:
        """A word has about five letters; a Chinese character three bytes."""
        return 1 + len(example["text"].encode()) // 5

    def baselines(
        self,
        settings: SentimentSettings,
        source: Source,
        preprocessing: SentimentPreprocessing,
        examples: Iterable[Example],
    ) -> dict[str, dict[str, float]]:
        """Majority class, and TF-IDF with logistic regression."""
        return score_baselines(source, preprocessing, examples)

    def notices(
        self, settings: SentimentSettings, examples: list[Example], predictor: Predictor
    ) -> list[str]:
        """Say which texts are longer than the model reads."""
        # A text of few letters cannot have many words: the long ones alone are counted.
        long = [example for example in examples if len(example["text"]) > settings.text.maximum_length]
        if not long:
            return []
        words = predictor.signatures["words"](**self.request(long))
        return [
            f"{example.get('origin', 'text')}: cut after {read:,} of {count:,} words (text.maximum_length)"
            for example, count, read in zip(long, words["count"].numpy(), words["read"].numpy(), strict=True)
            if read < count
        ]


TASK = SentimentTask()
