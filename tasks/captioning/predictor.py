"""Predictor of captions for an image, or all images of a folder."""

from typing import Any, ClassVar

import tensorflow as tf
from matplotlib.figure import Figure

from common.data.examples import Answer, Example
from common.inputs.images import ImagePreprocessor
from common.kinds.image_predictor import ImagePredictor
from common.kinds.writing.predictor import WritingPredictor
from tasks.captioning.config import CaptioningSettings
from tasks.captioning.plots import IMAGES_SHOWN, CaptionedPixels, attention_maps, contact_sheet


class CaptioningPredictor(ImagePredictor[CaptioningSettings], WritingPredictor[CaptioningSettings]):
    """A predictor of captions and their scores for image files."""

    task = "captioning"
    output_name = "caption"
    image_feature = "picture"
    what_was_done = "captioned"
    without_answer: ClassVar[dict[str, Any]] = {"caption": ""}
    images_drawn = IMAGES_SHOWN
    predict_example = "INPUT=photo.jpg [PLOT=attention.png]"
    examples_drawn = 4

    def answers(self, outputs: dict[str, Any]) -> list[Answer]:
        """Convert outputs to captions, scores, whether a caption is in the training data, and problems."""
        rows = zip(super().answers(outputs), outputs["in_training"], outputs["problem"], strict=True)
        return [
            {**answer, "in_training": bool(in_training), "problem": problem.decode()}
            for answer, in_training, problem in rows
        ]

    def line(self, answer: Answer) -> str:
        """The best caption."""
        return answer["caption"]

    def column_names(self) -> list[str]:
        """The best caption and its score."""
        return ["caption", "score"]

    def columns(self, answer: Answer) -> dict[str, Any]:
        """The best caption and its score."""
        return {name: answer[name] for name in self.column_names()}

    def draw(self, example: Example) -> Figure:
        """Plot the attention for each word; for models without attention, the image and its caption."""
        if "attention" not in self.signatures:
            (answer,) = self.answer([example])
            return self.draw_images([example["picture"]], [answer])
        outputs = self.signatures["attention"](**self.request([example]))
        return attention_maps(*(outputs[name].numpy()[0] for name in ("pixels", "pieces", "attention")))

    def draw_images(self, contents: list[bytes], answers: list[Answer]) -> Figure:
        """Plot images with their captions."""
        pixels, _ = ImagePreprocessor(self.settings.picture)(tf.constant(contents, tf.string))
        captioned = zip(pixels.numpy(), answers, strict=True)
        return contact_sheet([CaptionedPixels(image, answer["caption"]) for image, answer in captioned])
