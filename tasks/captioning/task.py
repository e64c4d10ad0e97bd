"""Captioning: look at a picture, write a sentence."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, TextIO

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from common.contract.evaluation import Evaluation
from common.contract.predictor import STEPS_PER_BATCH, Predictor
from common.contract.serving import ServingModule
from common.contract.task import Task
from common.data.batching import SequenceBatches
from common.data.examples import Answer, Example
from common.data.information import SourceInformation
from common.data.source import Source
from common.errors import UserError
from common.inputs.images import PicturePreprocessor, read_picture
from common.modelling.losses import SequenceCrossEntropy
from tasks.captioning.config import CaptioningSettings
from tasks.captioning.data import SOURCES, open_captioning_source
from tasks.captioning.evaluation import ValidationScores, evaluate_answers, score_baselines
from tasks.captioning.features import CaptionBatches, keep_features, keep_pixels
from tasks.captioning.first_stage import check_first_run
from tasks.captioning.folder import read_captions, unreadable_picture
from tasks.captioning.model import Captioner, build_model, frozen_encoder
from tasks.captioning.plots import CaptionedPixels, attention_maps, contact_sheet
from tasks.captioning.prediction import FILES_AT_ONCE, show_captions, write_captions
from tasks.captioning.preprocessing import CaptioningPreprocessing
from tasks.captioning.self_critical import CiderReward, SelfCritical
from tasks.captioning.serving import CaptioningServing


class CaptioningTask(Task):
    """A picture in, captions and their scores out."""

    name = "captioning"
    title = "Captioning: a sentence for a picture"
    metric = "bleu_4"
    settings_class = CaptioningSettings
    column_settings: ClassVar[dict[str, str]] = {"picture": "picture_column", "caption": "caption_column"}
    answers_what = "pictures"
    predict_example = "INPUT=photo.jpg [PLOT=attention.png]"
    examples_drawn = 4
    examples_held = 8 * FILES_AT_ONCE

    def sources(self) -> dict[str, SourceInformation]:
        """Pictures with captions, and the user's own."""
        return SOURCES

    def open_source(self, settings: CaptioningSettings) -> Source:
        """Fetch and prepare the pictures."""
        return open_captioning_source(settings)

    def labelled_examples(
        self,
        path: Path,
        settings: CaptioningSettings,
        labels: list[str],
        on_bad_row: Callable[[UserError], None],
    ) -> Iterator[Example]:
        """Read the pictures and captions of a folder."""
        data, preprocessor = settings.data, PicturePreprocessor(settings.picture)
        columns = data.picture_column, data.caption_column
        for found in read_captions(path, *columns, data.skip_bad_rows, on_bad_row):
            content, problem = read_picture(found.path)
            problem = problem or preprocessor.problem_of(content)
            if not problem:
                yield {"name": found.name, "picture": content, "captions": found.captions}
            elif data.skip_bad_rows:
                on_bad_row(UserError(f"{found.origin}: {found.name} {problem}."))
            else:
                raise unreadable_picture(found.origin, found.name, problem)

    def learn_preprocessing(self, settings: CaptioningSettings, source: Source) -> CaptioningPreprocessing:
        """Learn the pieces of the captions."""
        return CaptioningPreprocessing.learn(settings, source)

    def check_start(
        self, settings: CaptioningSettings, source: Source, preprocessing: CaptioningPreprocessing
    ) -> None:
        """See whether the encoder can be had and sees the pictures, and whether a first run fits."""
        if settings.model.start_from:
            check_first_run(settings, source, preprocessing)
        build_model(settings, preprocessing.text.size).encoder.grid(settings.picture.size)

    def load_preprocessing(self, settings: CaptioningSettings, directory: Path) -> CaptioningPreprocessing:
        """Read the pieces of the captions."""
        return CaptioningPreprocessing.load(settings, directory)

    def batches(
        self,
        settings: CaptioningSettings,
        source: Source,
        preprocessing: CaptioningPreprocessing,
        split: str,
        cache: Path,
    ) -> CaptionBatches:
        """Numbers of the captions, each with the features or the pixels of its picture."""
        examples = source.dataset(split)
        if settings.model.objective == "cider" and split == "train":
            # The captions that are learned from are drawn: a picture comes once in an epoch.
            examples = examples.map(lambda example: example | {"captions": example["captions"][:1]})
        captions = SequenceBatches(
            preprocessing.examples(examples),
            cache,
            length=lambda inputs, targets: tf.shape(targets)[0],
            pad_to_boundary=settings.train.xla,
        )
        if not settings.model.frozen:
            table = keep_pixels(source, preprocessing, split, cache.with_name(f"{split}_pixels.npy"))
            return CaptionBatches(captions, table, augmentation=settings.augmentation)
        seen = settings, source, preprocessing, split, frozen_encoder(settings)
        flips = settings.augmentation.flip and split == "train"
        return CaptionBatches(
            captions, keep_features(*seen), keep_features(*seen, mirrored=True) if flips else None
        )

    def build_model(self, settings: CaptioningSettings, preprocessing: CaptioningPreprocessing) -> Captioner:
        """Build the captioner; where CIDEr-D is raised, with the training captions that it is measured by."""
        model = build_model(settings, preprocessing.text.size)
        if settings.model.objective == "cider":
            captions = self.open_source(settings).dataset("train").map(lambda example: example["captions"])
            references = [[text.decode() for text in texts] for texts in captions.as_numpy_iterator()]
            reward = CiderReward(references)
            model.self_critical = SelfCritical(
                preprocessing.text, reward, settings.model.drawn_captions, settings.search.maximum_length
            )
        return model

    def compile_arguments(
        self, settings: CaptioningSettings, preprocessing: CaptioningPreprocessing
    ) -> dict[str, Any]:
        """Cross-entropy of each step; the scores are those of `validation_scores`."""
        return {"loss": SequenceCrossEntropy(settings.train.label_smoothing)}

    def validation_scores(
        self,
        settings: CaptioningSettings,
        source: Source,
        preprocessing: CaptioningPreprocessing,
        model: Captioner,
    ) -> Callable[[], dict[str, float]]:
        """BLEU-4 and CIDEr-D of greedy captions."""
        serving = CaptioningServing(preprocessing, [model], settings.search)
        return ValidationScores(serving, settings, source, preprocessing)

    def build_serving(
        self,
        settings: CaptioningSettings,
        preprocessing: CaptioningPreprocessing,
        model: keras.Model,
    ) -> ServingModule:
        """Join pixels, model and search."""
        return CaptioningServing(preprocessing, [model], settings.search)

    def build_ensemble(
        self,
        settings: CaptioningSettings,
        preprocessings: list[CaptioningPreprocessing],
        models: list[keras.Model],
    ) -> ServingModule:
        """Join models that share their pieces and see pictures of one size."""
        first = preprocessings[0]
        for other in preprocessings[1:]:
            same_size = other.picture.settings.size == first.picture.settings.size
            if other.text.vocabulary != first.text.vocabulary or not same_size:
                raise UserError(
                    "The runs were not trained with the same words and picture.size, so they cannot answer "
                    "as one; train them on the same data with the same settings of text and picture."
                )
        return CaptioningServing(first, models, settings.search)

    def request(self, examples: list[Example]) -> dict[str, tf.Tensor]:
        """Files as one string tensor."""
        return {"picture": tf.constant([example["picture"] for example in examples], tf.string)}

    def answers(self, outputs: dict[str, np.ndarray], labels: list[str]) -> list[Answer]:
        """The best caption and its score; with others, those of all."""
        answers = []
        for captions, scores, known, problem in zip(
            outputs["captions"], outputs["scores"], outputs["in_training"], outputs["problem"], strict=True
        ):
            found = [
                {"caption": text.decode(), "score": float(score)}
                for text, score in zip(captions, scores, strict=True)
                if np.isfinite(score)
            ] or [{"caption": "", "score": 0.0}]
            others = {"captions": found} if len(captions) > 1 else {}
            about = {"in_training": bool(known), "problem": problem.decode()}
            answers.append({**found[0], **others, **about})
        return answers

    def length(self, example: Example) -> int:
        """All pictures are alike: the same for each."""
        return STEPS_PER_BATCH // FILES_AT_ONCE

    def evaluate(
        self, settings: CaptioningSettings, labels: list[str], scored: Iterable[tuple[Example, Answer]]
    ) -> Evaluation:
        """BLEU, CIDEr-D, ROUGE-L, how varied the captions are, and a contact sheet."""
        return evaluate_answers(settings, scored)

    def variants(self, settings: CaptioningSettings) -> dict[str, dict[str, Any]]:
        """Greedy search beside beam search, and a beam of three."""
        beams = {"greedy": 1, "beam_3": 3}
        return {name: {"beam": beam} for name, beam in beams.items() if beam < settings.search.beam}

    def draw(self, example: Example, predictor: Predictor) -> Figure:
        """What was looked at for each word; of a decoder that does not look, the picture and its caption."""
        if "attention" not in predictor.signatures:
            (answer,) = predictor.answer([example])
            seen, _ = PicturePreprocessor(predictor.settings.picture)(self.request([example])["picture"])
            return contact_sheet([CaptionedPixels(seen[0].numpy(), answer["caption"])])
        outputs = predictor.signatures["attention"](**self.request([example]))
        pixels, pieces, attention = (outputs[name].numpy()[0] for name in ("pixels", "pieces", "attention"))
        return attention_maps(pixels, [piece.decode() for piece in pieces if piece], attention)

    def baselines(
        self,
        settings: CaptioningSettings,
        source: Source,
        preprocessing: CaptioningPreprocessing,
        examples: Iterable[Example],
    ) -> dict[str, dict[str, float]]:
        """The most frequent caption, and that of the nearest training picture."""
        return score_baselines(settings, source, preprocessing, examples)

    def check_input(self, path: Path, output: str) -> None:
        """A picture or a folder of them; without OUTPUT the captions are printed."""
        if not path.exists():
            raise UserError(f"{path} does not exist; name a picture, or a folder of pictures, as INPUT.")

    def show_file(self, predictor: Predictor, path: Path, output: TextIO, plot: Path | None = None) -> None:
        """Print the caption of a picture, or of each in a folder."""
        show_captions(predictor, path, output, plot)

    def predict_file(
        self,
        predictor: Predictor,
        path: Path,
        output: Path,
        settings: CaptioningSettings,
        plot: Path | None = None,
    ) -> str:
        """Write the caption of a picture, or of each in a folder, in a table."""
        return write_captions(predictor, path, output, plot)


TASK = CaptioningTask()
