"""Translation of sentences (sequence to sequence, with attention)."""

from collections.abc import Callable, Iterable
from typing import ClassVar

from common.contract.evaluation import Evaluation
from common.data.examples import Answer, Example
from common.data.source import Source
from common.kinds.writing.task import WritingTask
from tasks.translation.config import TranslationSettings
from tasks.translation.data import DATA_SETS
from tasks.translation.evaluation import evaluate_answers, score_baselines, validation_bleu
from tasks.translation.model import Translator, build_model
from tasks.translation.predictor import TranslationPredictor
from tasks.translation.preprocessing import TranslationPreprocessing
from tasks.translation.serving import TranslationServing


class TranslationTask(WritingTask[TranslationSettings, TranslationPreprocessing]):
    """Translation of sentences."""

    name = "translation"
    metric = "bleu"
    settings_class = TranslationSettings
    data_sets = DATA_SETS
    columns: ClassVar[dict[str, str]] = {"source": "source_column", "target": "target_column"}
    preprocessing_class = TranslationPreprocessing
    predictor_class = TranslationPredictor
    serving_class = TranslationServing

    def build_model(self, preprocessing: TranslationPreprocessing) -> Translator:
        """Build the translator."""
        return build_model(self.settings, preprocessing.source.size, preprocessing.target.size)

    def validation_scores(
        self, source: Source, preprocessing: TranslationPreprocessing, model: Translator
    ) -> Callable[[], dict[str, float]]:
        """BLEU of greedy translations."""
        serving = TranslationServing(preprocessing, [model], self.settings.search)
        return validation_bleu(serving, source.dataset("validation"))

    def difference(self, one: TranslationPreprocessing, other: TranslationPreprocessing) -> str:
        """An ensemble needs the same pieces of both languages."""
        for side in ("source", "target"):
            if not getattr(one, side).cuts_like(getattr(other, side)):
                return f"pieces of the {side}"
        return ""

    def evaluate(self, labels: list[str], scored: Iterable[tuple[Example, Answer]]) -> Evaluation:
        """Compute BLEU and chrF, cased and in lower case, and by the length of the source."""
        return evaluate_answers(scored)

    def baselines(
        self, source: Source, preprocessing: TranslationPreprocessing, examples: Iterable[Example]
    ) -> dict[str, dict[str, float]]:
        """Score copies of the source, and word-by-word translation."""
        return score_baselines(source, examples)


TASK = TranslationTask
