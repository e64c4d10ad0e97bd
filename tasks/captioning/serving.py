"""From picture files to captions: pixels, model, search and joining, in one graph."""

from typing import Any

import tensorflow as tf

from common.decoding.step import Decoded
from common.inputs.subwords import SubwordText
from common.kinds.writing.serving import WritingServing
from common.kinds.writing.settings import SearchSettings
from tasks.captioning.model import Captioner
from tasks.captioning.preprocessing import CaptioningPreprocessing


class CaptioningServing(WritingServing):
    """Pictures to captions, by one model or by several that answer as one."""

    input_name = "picture"
    output_name = "caption"

    def __init__(
        self, preprocessing: CaptioningPreprocessing, models: list[Captioner], search: SearchSettings
    ) -> None:
        """Join the parts.

        Args:
            preprocessing: of the models, which share it.
            models: one, or an ensemble.
            search: how captions are searched for.
        """
        super().__init__(preprocessing, models, search)
        # Attention is shown where all models attend, and to the same regions.
        grids = {model.encoder.grid(preprocessing.picture.settings.size) for model in models}
        self.attends = len(grids) == 1 and all(model.attends for model in models)

    @property
    def text(self) -> SubwordText:
        """The pieces of the captions."""
        return self.preprocessing.text

    def serve(self, picture: tf.Tensor, beam: Any, n_best: Any) -> dict[str, tf.Tensor]:
        """Picture files (batch,) to their captions.

        Args:
            picture: (batch,) strings, the bytes of each file.
            beam: () unfinished captions kept at each step.
            n_best: () captions of each picture, at most `beam`.

        Returns:
            `caption` (batch,), the best; `captions` (batch, n_best), the best first; `scores`
            (batch, n_best), minus infinity where the search found fewer; `in_training` (batch,), whether the
            best one is among the captions that were learned from; `problem` (batch,), what is wrong with a
            file that is no picture that can be read, whose captions are then empty.
        """
        pixels, problems = self.preprocessing.picture(picture)
        decoded = self.describe({"pixels": pixels}, tf.equal(problems, ""), beam, n_best)
        outputs = self.outputs(self.text.texts(self.text.pieces_of(decoded.tokens)), decoded)
        known = self.preprocessing.is_known(outputs["caption"])
        return {**outputs, "in_training": known, "problem": problems}

    def greedy(self, seen: dict[str, tf.Tensor]) -> tf.Tensor:
        """Pixels or features, as `Captioner.encode`, to the captions (batch,) of greedy search."""
        count = tf.shape(next(iter(seen.values())))[0]
        decoded = self.describe(seen, tf.fill([count], True), beam=1)
        return self.text.texts(self.text.pieces_of(decoded.tokens[:, 0]))

    def attention(self, picture: tf.Tensor) -> dict[str, tf.Tensor]:
        """Picture files (batch,) to the best caption, its pieces, and what was attended to for each.

        Returns:
            `caption` (batch,); `pieces` (batch, steps), empty strings behind the last one; `attention`
            (batch, steps, rows, columns), over the regions of the picture, each step's sum 1; `pixels`
            (batch, size, size, 3), what the model saw. The step after the last piece wrote the end.
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
        self, seen: dict[str, tf.Tensor], is_image: tf.Tensor, beam: Any = None, n_best: Any = 1
    ) -> Decoded:
        """Search for the best captions.

        Args:
            seen: pixels or features, as `Captioner.encode`.
            is_image: (batch,), whether there is anything to describe.
            beam: () unfinished captions kept at each step; None for the usual number.
            n_best: () captions of each picture.
        """
        begun = [model.begin(*model.encode(seen)) for model in self.models]
        return self.search(begun, tf.where(is_image, self.search_settings.maximum_length, 0), beam, n_best)
