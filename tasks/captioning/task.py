"""Captioning: describe an image in a sentence."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import ClassVar

from common.contract.evaluation import Evaluation
from common.data.examples import Answer, Example
from common.data.source import Source
from common.kinds.writing.task import WritingTask
from tasks.captioning.config import CaptioningSettings
from tasks.captioning.data import DATA_SETS
from tasks.captioning.evaluation import evaluate_answers, score_baselines, validation_scores
from tasks.captioning.features import CaptionBatches, keep_features, keep_pixels
from tasks.captioning.first_stage import check_first_run
from tasks.captioning.model import Captioner, build_model, frozen_encoder
from tasks.captioning.predictor import CaptioningPredictor
from tasks.captioning.preprocessing import CaptioningPreprocessing
from tasks.captioning.self_critical import CiderReward, SelfCritical
from tasks.captioning.serving import CaptioningServing


class CaptioningTask(WritingTask[CaptioningSettings, CaptioningPreprocessing]):
    """Captioning of images."""

    name = "captioning"
    metric = "bleu_4"
    settings_class = CaptioningSettings
    data_sets = DATA_SETS
    columns: ClassVar[dict[str, str]] = {"picture": "picture_column", "caption": "caption_column"}
    preprocessing_class = CaptioningPreprocessing
    predictor_class = CaptioningPredictor
    serving_class = CaptioningServing
    variant_beams: ClassVar[Mapping[str, int]] = {"greedy": 1, "beam_3": 3}

    def check_start(self, source: Source, preprocessing: CaptioningPreprocessing) -> None:
        """Check that the encoder is available and fits the images, and that a first run fits."""
        if self.settings.model.start_from:
            check_first_run(self.settings, source, preprocessing)
        build_model(self.settings, preprocessing.text.size).encoder.grid(self.settings.picture.size)

    def batches(
        self, source: Source, preprocessing: CaptioningPreprocessing, split: str, cache: Path
    ) -> CaptionBatches:
        """Batches of captions, each with the features or the pixels of its image."""
        settings, examples = self.settings, source.dataset(split)
        if settings.model.objective == "cider" and split == "train":
            # Training captions are sampled, so each image occurs once per epoch.
            examples = examples.map(lambda example: example | {"captions": example["captions"][:1]})
        captions = self.batches_of(preprocessing.examples(examples), cache)
        if not settings.model.frozen:
            table = keep_pixels(source, preprocessing, split, cache.with_name(f"{split}_pixels.npy"))
            return CaptionBatches(captions, table, augmentation=settings.augmentation)
        arguments = settings, source, preprocessing, split, frozen_encoder(settings)
        features = keep_features(*arguments)
        flips = settings.augmentation.flip and split == "train"
        return CaptionBatches(captions, features, keep_features(*arguments, mirrored=True) if flips else None)

    def build_model(self, preprocessing: CaptioningPreprocessing) -> Captioner:
        """Build the captioner; if it optimizes CIDEr-D, with the training captions as references."""
        settings = self.settings
        model = build_model(settings, preprocessing.text.size)
        if settings.model.objective == "cider":
            captions = self.open_source().dataset("train").map(lambda example: example["captions"])
            references = [[text.decode() for text in texts] for texts in captions.as_numpy_iterator()]
            model.self_critical = SelfCritical(
                preprocessing.text,
                CiderReward(references),
                settings.model.drawn_captions,
                settings.search.maximum_length,
            )
        return model

    def validation_scores(
        self, source: Source, preprocessing: CaptioningPreprocessing, model: Captioner
    ) -> Callable[[], dict[str, float]]:
        """BLEU-4 and CIDEr-D of greedy captions."""
        serving = CaptioningServing(preprocessing, [model], self.settings.search)
        return validation_scores(serving, self.settings, source, preprocessing)

    def difference(self, one: CaptioningPreprocessing, other: CaptioningPreprocessing) -> str:
        """An ensemble needs the same vocabulary and the same size of images."""
        if one.text.vocabulary != other.text.vocabulary:
            return "vocabulary"
        return "" if one.picture.settings.size == other.picture.settings.size else "picture.size"

    def evaluate(self, labels: list[str], scored: Iterable[tuple[Example, Answer]]) -> Evaluation:
        """Compute BLEU, CIDEr-D, ROUGE-L and the captions' diversity, and plot a contact sheet."""
        return evaluate_answers(self.settings, scored)

    def baselines(
        self, source: Source, preprocessing: CaptioningPreprocessing, examples: Iterable[Example]
    ) -> dict[str, dict[str, float]]:
        """Score the most frequent caption, and that of the nearest training image."""
        return score_baselines(self.settings, source, preprocessing, examples)


TASK = CaptioningTask
