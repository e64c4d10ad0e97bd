"""Name tagging: which words are names, and of what (many to many)."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from common.contract.evaluation import Evaluation
from common.contract.predictor import Predictor
from common.contract.serving import ServingModule
from common.data.batching import SequenceBatches
from common.data.examples import Answer, Example
from common.data.information import SourceInformation
from common.data.source import Source
from common.errors import UserError
from common.inputs.embeddings import glove_vectors
from common.inputs.tag_schemes import spans_of
from common.inputs.words import FIRST_WORD
from common.kinds.lines import LineTask
from common.modelling.losses import CRFNegativeLogLikelihood
from tasks.name_tagging.baselines import score_baselines
from tasks.name_tagging.config import NameTaggingSettings
from tasks.name_tagging.data import SOURCES, open_name_tagging_source, raw_features, tagged_sentences
from tasks.name_tagging.evaluation import ValidationF1, evaluate_answers, names_of
from tasks.name_tagging.model import build_model
from tasks.name_tagging.prediction import marked_sentence, tag_file
from tasks.name_tagging.preprocessing import NameTaggingPreprocessing, pretrained_form
from tasks.name_tagging.serving import NameTaggingServing


class NameTaggingTask(LineTask):
    """A sentence in, the names in it out, with their types and places."""

    name = "name_tagging"
    title = "Name tagging: the names in a sentence"
    metric = "f1"
    settings_class = NameTaggingSettings
    column_settings: ClassVar[dict[str, str]] = {"word": "word_column", "tag": "tag_column"}
    line_feature = "text"
    answers_empty = True
    predict_example = 'TEXT="Ludwig met Ada Lovelace in Paris"'

    def sources(self) -> dict[str, SourceInformation]:
        """News, Wikipedia, and the user's own."""
        return SOURCES

    def open_source(self, settings: NameTaggingSettings) -> Source:
        """Fetch and prepare the tagged sentences."""
        return open_name_tagging_source(settings.data)

    def labelled_examples(
        self,
        path: Path,
        settings: NameTaggingSettings,
        labels: list[str],
        on_bad_row: Callable[[UserError], None],
    ) -> Iterator[Example]:
        """Read the sentences of a file of columns."""
        joiner = "" if settings.text.units == "characters" else " "
        for sentence in tagged_sentences(path, settings.data, labels, on_bad_row):
            yield raw_features(sentence, settings.data.entity_types, joiner)

    def learn_preprocessing(self, settings: NameTaggingSettings, source: Source) -> NameTaggingPreprocessing:
        """Learn words, characters and types."""
        return NameTaggingPreprocessing.learn(settings, source)

    def load_preprocessing(self, settings: NameTaggingSettings, directory: Path) -> NameTaggingPreprocessing:
        """Read words, characters and types."""
        return NameTaggingPreprocessing.load(settings, directory)

    def batches(
        self,
        settings: NameTaggingSettings,
        source: Source,
        preprocessing: NameTaggingPreprocessing,
        split: str,
        cache: Path,
    ) -> SequenceBatches:
        """Numbers of words and tags of one split."""
        return SequenceBatches(preprocessing.examples(source.dataset(split)), cache)

    def build_model(
        self, settings: NameTaggingSettings, preprocessing: NameTaggingPreprocessing
    ) -> keras.Model:
        """Build the tagger."""
        vectors = None
        if settings.model.embeddings == "glove":
            vectors = glove_vectors(
                preprocessing.vocabulary,
                FIRST_WORD,
                settings.model.embedding_dimension,
                settings.seed,
                normalize=lambda word: pretrained_form(word, settings),
            )
        return build_model(settings, preprocessing, vectors)

    def compile_arguments(
        self, settings: NameTaggingSettings, preprocessing: NameTaggingPreprocessing
    ) -> dict[str, Any]:
        """Likelihood of the true tags; the score is that of `validation_scores`."""
        return {"loss": CRFNegativeLogLikelihood()}

    def validation_scores(
        self,
        settings: NameTaggingSettings,
        source: Source,
        preprocessing: NameTaggingPreprocessing,
        model: keras.Model,
    ) -> Callable[[], dict[str, float]]:
        """F1 over the names."""
        serving = NameTaggingServing(preprocessing, model)
        return ValidationF1(serving, preprocessing, source.dataset("validation"))

    def build_serving(
        self, settings: NameTaggingSettings, preprocessing: NameTaggingPreprocessing, model: keras.Model
    ) -> ServingModule:
        """Join words, model and the best tags."""
        return NameTaggingServing(preprocessing, model)

    def request(self, examples: list[Example]) -> dict[str, tf.Tensor]:
        """Sentences as one string tensor."""
        return {"text": tf.constant([example["text"] for example in examples], tf.string)}

    def call(
        self,
        signatures: dict[str, Callable[..., dict[str, tf.Tensor]]],
        examples: list[Example],
        options: dict[str, tf.Tensor],
    ) -> dict[str, tf.Tensor]:
        """Sentences that are split already keep their words."""
        if not all("words" in example for example in examples):
            return super().call(signatures, examples, options)
        words = tf.ragged.constant([list(example["words"]) for example in examples], dtype=tf.string)
        return signatures["tag_words"](words=words.to_tensor(""))

    def answers(self, outputs: dict[str, np.ndarray], labels: list[str]) -> list[Answer]:
        """Words, their tags, and the names."""
        return [
            {
                "tokens": [word.decode() for word in outputs["tokens"][number][:words]],
                "tags": [tag.decode() for tag in outputs["tags"][number][:words]],
                "spans": [
                    {
                        "start": int(outputs["span_start"][number][span]),
                        "end": int(outputs["span_end"][number][span]),
                        "type": outputs["span_type"][number][span].decode(),
                        "score": float(outputs["span_score"][number][span]),
                    }
                    for span in range(outputs["span_count"][number])
                ],
            }
            for number, words in enumerate(outputs["token_count"])
        ]

    def length(self, example: Example) -> int:
        """Words; a word has about five letters, a Chinese character three bytes."""
        return len(example["words"]) if "words" in example else 1 + len(example["text"].encode()) // 3

    def evaluate(
        self, settings: NameTaggingSettings, labels: list[str], scored: Iterable[tuple[Example, Answer]]
    ) -> Evaluation:
        """Precision, recall and F1 of names by type, seen and unseen, by length of the sentence."""
        return evaluate_answers(labels, scored, self._trained_names(settings))

    def _trained_names(self, settings: NameTaggingSettings) -> set[str] | None:
        try:
            source = self.open_source(settings)
        except UserError:
            return None  # An export may be scored where the data of its run is not.
        names: set[str] = set()
        for example in source.examples("train"):
            names.update(names_of(example["words"], spans_of(example["tags"], "iob2")))
        return names

    def baselines(
        self,
        settings: NameTaggingSettings,
        source: Source,
        preprocessing: NameTaggingPreprocessing,
        examples: Iterable[Example],
    ) -> dict[str, dict[str, float]]:
        """The names of the training split, and a linear-chain CRF with hand-made features."""
        return score_baselines(source, examples)

    def predict_file(
        self,
        predictor: Predictor,
        path: Path,
        output: Path,
        settings: NameTaggingSettings,
        plot: Path | None = None,
    ) -> str:
        """Tag a file of columns, or of a sentence a line."""
        if plot is not None:
            raise UserError("PLOT is given, but name_tagging draws no picture of its answers; leave it out.")
        return f"{tag_file(predictor, path, output, settings):,} sentences tagged"

    def shown(self, example: Example, answer: Answer, colours: bool) -> str:
        """The sentence with its names marked."""
        return marked_sentence(example["text"], answer["spans"], colours)

    def line(self, answer: Answer) -> str:
        """The words with their names marked."""
        words = answer["tokens"]
        ends = np.cumsum([len(word) + 1 for word in words]).tolist() if words else []
        spans = [
            {
                "start": ends[span.start] - len(words[span.start]) - 1,
                "end": ends[span.end - 1] - 1,
                "type": span.type,
            }
            for span in spans_of(answer["tags"], "iob2")
        ]
        return marked_sentence(" ".join(words), spans, colours=False)

    def column_names(self, labels: list[str]) -> list[str]:
        """`tags` and `spans`."""
        return ["tags", "spans"]

    def columns(self, answer: Answer) -> dict[str, Any]:
        """The tags parted by blanks, and the names as JSON."""
        return {"tags": " ".join(answer["tags"]), "spans": json.dumps(answer["spans"])}


TASK = NameTaggingTask()
