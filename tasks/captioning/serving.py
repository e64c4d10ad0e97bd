"""Serving graph from image files to captions: pixels, model, search and detokenization."""

from typing import Any

import tensorflow as tf

from common.decoding.step import Decoded
from common.inputs.subwords import SubwordText
from common.kinds.writing.serving import AttendingServing
from common.kinds.writing.settings import SearchSettings
from tasks.captioning.model import Captioner
from tasks.captioning.preprocessing import CaptioningPreprocessing


class CaptioningServing(AttendingServing):
    """From images to captions, with one model or an ensemble."""

    input_name = "picture"
    output_name = "caption"

    def __init__(
        self, preprocessing: CaptioningPreprocessing, models: list[Captioner], search: SearchSettings
    ) -> None:
        """Create the graph.

        Args:
            preprocessing: shared by the models.
            models: one, or an ensemble.
            search: settings of the search.
        """
        super().__init__(preprocessing, models, search)
        # Attention is available if all models attend to the same regions.
        grids = {model.encoder.grid(preprocessing.picture.settings.size) for model in models}
        self.attends = len(grids) == 1 and all(model.attends for model in models)

    @property
    def text(self) -> SubwordText:
        """Vocabulary of the captions."""
        return self.preprocessing.text

    def serve(self, picture: tf.Tensor, beam: Any, n_best: Any) -> dict[str, tf.Tensor]:
        """Caption image files.

        Args:
            picture: (batch,) strings, the bytes of each file.
            beam: () beam size.
            n_best: () captions for each image, at most `beam`.

        Returns:
            `caption` (batch,), the best; `captions` (batch, n_best), best first; `scores` (batch, n_best),
            minus infinity where the search found fewer; `in_training` (batch,), whether the best caption is
            one of the training captions; `problem` (batch,), why a file cannot be read, in which case its
            captions are empty.
        """
        pixels, problems = self.preprocessing.picture(picture)
        decoded = self.describe({"pixels": pixels}, tf.equal(problems, ""), beam, n_best)
        outputs = self.outputs(self.text.texts(self.text.pieces_of(decoded.tokens)), decoded)
        known = self.preprocessing.is_known(outputs["caption"])
        return {**outputs, "in_training": known, "problem": problems}

    def greedy(self, images: dict[str, tf.Tensor]) -> tf.Tensor:
        """Caption pixels or features, see `Captioner.encode`, by greedy search: (batch,)."""
        count = tf.shape(next(iter(images.values())))[0]
        decoded = self.describe(images, tf.fill([count], True), beam=1)
        return self.text.texts(self.text.pieces_of(decoded.tokens[:, 0]))

    def attention(self, picture: tf.Tensor) -> dict[str, tf.Tensor]:
        """Caption image files (batch,), and return the attention for each piece of the best caption.

        Returns:
            `caption` (batch,); `pieces` (batch, steps), padded with empty strings; `attention`
            (batch, steps, rows, columns), over the regions of the image, with sum 1 at each step; `pixels`
            (batch, size, size, 3), the model's input. The step after the last piece generated the end.
        """
        pixels, problems = self.preprocessing.picture(picture)
        decoded = self.describe({"pixels": pixels}, tf.equal(problems, ""))
        pieces = self.text.pieces_of(decoded.tokens)
        rows, columns = self.models[0].encoder.grid(self.preprocessing.picture.settings.size)
        batch, steps = tf.unstack(tf.shape(pieces[:, 0]))
        return {
            "caption": self.text.texts(pieces)[:, 0],
            "pieces": pieces[:, 0],
            "attention": tf.reshape(decoded.record[:, 0], [batch, steps, rows, columns]),
            "pixels": pixels,
        }

    def describe(
        self, images: dict[str, tf.Tensor], is_image: tf.Tensor, beam: Any = None, n_best: Any = 1
    ) -> Decoded:
        """Search for the best captions.

        Args:
            images: pixels or features, see `Captioner.encode`.
            is_image: (batch,), whether the file could be read.
            beam: () beam size; None for the default.
            n_best: () captions for each image.
        """
        begun = [model.begin(*model.encode(images)) for model in self.models]
        return self.search(begun, tf.where(is_image, self.search_settings.maximum_length, 0), beam, n_best)
