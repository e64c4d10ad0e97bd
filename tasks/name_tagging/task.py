"""Name tagging: named-entity recognition with one tag per word (many to many)."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import keras

from common.contract.evaluation import Evaluation
from common.contract.serving import ServingModule
from common.contract.task import Task
from common.data.examples import Answer, Example
from common.data.source import Source
from common.errors import UserError
from common.inputs.embeddings import glove_vectors
from common.inputs.words import FIRST_WORD
from common.modelling.losses import CRFNegativeLogLikelihood
from tasks.name_tagging.baselines import score_baselines
from tasks.name_tagging.config import NameTaggingSettings
from tasks.name_tagging.data import DATA_SETS
from tasks.name_tagging.evaluation import ValidationF1, evaluate_answers, names_in_training
from tasks.name_tagging.model import build_model
from tasks.name_tagging.predictor import NameTaggingPredictor
from tasks.name_tagging.preprocessing import NameTaggingPreprocessing, pretrained_form
from tasks.name_tagging.serving import NameTaggingServing


class NameTaggingTask(Task[NameTaggingSettings, NameTaggingPreprocessing]):
    """Named-entity recognition."""

    name = "name_tagging"
    metric = "f1"
    settings_class = NameTaggingSettings
    data_sets = DATA_SETS
    columns: ClassVar[dict[str, str]] = {"word": "word_column", "tag": "tag_column"}
    preprocessing_class = NameTaggingPreprocessing
    predictor_class = NameTaggingPredictor

    def build_model(self, preprocessing: NameTaggingPreprocessing) -> keras.Model:
        """Build the tagger."""
        model, vectors = self.settings.model, None
        if model.embeddings == "glove":
            vectors = glove_vectors(
                preprocessing.vocabulary.words,
                FIRST_WORD,
                model.embedding_dimension,
                self.settings.seed,
                normalize=lambda word: pretrained_form(word, self.settings),
            )
        return build_model(self.settings, preprocessing, vectors)

    def loss_and_metrics(self) -> dict[str, Any]:
        """Negative log-likelihood of the true tags; the metric is that of `validation_scores`."""
        return {"loss": CRFNegativeLogLikelihood()}

    def validation_scores(
        self, source: Source, preprocessing: NameTaggingPreprocessing, model: keras.Model
    ) -> Callable[[], dict[str, float]]:
        """F1 over the names of the validation split."""
        serving = NameTaggingServing(preprocessing, model)
        return ValidationF1(serving, preprocessing, source.dataset("validation"))

    def serving(self, preprocessing: NameTaggingPreprocessing, models: list[keras.Model]) -> ServingModule:
        """Join preprocessing, model and decoding."""
        return NameTaggingServing(preprocessing, *models)

    def evaluate(self, labels: list[str], scored: Iterable[tuple[Example, Answer]]) -> Evaluation:
        """Compute precision, recall and F1, also by type, seen and unseen names, and sentence length."""
        try:
            trained_names = names_in_training(self.open_source())
        except UserError:
            trained_names = None  # The training data may not be available where an export is scored.
        return evaluate_answers(labels, scored, trained_names)

    def baselines(
        self, source: Source, preprocessing: NameTaggingPreprocessing, examples: Iterable[Example]
    ) -> dict[str, dict[str, float]]:
        """Score a dictionary of the training split's names, and a CRF with hand-made features."""
        return score_baselines(source, examples)


TASK = NameTaggingTask
