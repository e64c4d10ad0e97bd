"""From picture files to captions: pixels, model, search and joining, in one graph."""

from typing import Any

import tensorflow as tf

from common.contract.serving import Endpoint, ServingModule
from common.decoding.beam import beam_search
from common.decoding.step import Decoded, StepResult, agreed_logits
from common.inputs.subwords import BOUNDARY
from common.inputs.words import PADDING, UNKNOWN
from tasks.captioning.config import SearchSettings
from tasks.captioning.model import Captioner
from tasks.captioning.preprocessing import CaptioningPreprocessing


class CaptioningServing(ServingModule):
    """Pictures to captions, by one model or by several that answer as one.

    Several models agree at each step on the mean of their probabilities; their attention is the mean too.

    Attributes:
        attends: whether there is attention to be shown.
    """

    def __init__(
        self, preprocessing: CaptioningPreprocessing, models: list[Captioner], search: SearchSettings
    ) -> None:
        """Join the parts.

        Args:
            preprocessing: of the models, which share it.
            models: one, or an ensemble.
            search: how captions are sought.
        """
        super().__init__(name="captioning")
        # Said apart, so that the export finds the lookup table.
        self.picture = preprocessing.picture
        self.text = preprocessing.text
        self.preprocessing = preprocessing
        self.models = models
        self.search_settings = search
        # Attention is shown where all models look, and at the same regions.
        grids = {model.encoder.grid(preprocessing.picture.settings.size) for model in models}
        self.attends = len(grids) == 1 and all(model.attends for model in models)

    def caption(self, picture: tf.Tensor, beam: tf.Tensor, n_best: tf.Tensor) -> dict[str, tf.Tensor]:
        """Picture files (batch,) to their captions.

        Args:
            picture: (batch,) strings, the bytes of each file.
            beam: () beginnings kept at each step.
            n_best: () captions of each picture, at most `beam`.

        Returns:
            `caption` (batch,), the best; `captions` (batch, n_best), the best first; `scores`
            (batch, n_best), minus infinity where the search found fewer; `in_training` (batch,), whether the
            best one stands among the captions that were learned from; `problem` (batch,), what is wrong with
            a file that is no picture that can be read, whose captions are then empty.
        """
        pixels, problems = self.picture(picture)
        decoded = self.search({"pixels": pixels}, tf.equal(problems, ""), beam, n_best)
        captions = self.text.texts(self.text.pieces_of(decoded.tokens))  # (batch, n_best)
        return {
            "caption": captions[:, 0],
            "captions": captions,
            "scores": decoded.scores,
            "in_training": self.preprocessing.is_known(captions[:, 0]),
            "problem": problems,
        }

    def attention(self, picture: tf.Tensor) -> dict[str, tf.Tensor]:
        """Picture files (batch,) to the best caption, its pieces, and what was looked at for each.

        Returns:
            `caption` (batch,); `pieces` (batch, steps), empty strings behind the last one; `attention`
            (batch, steps, rows, columns), over the regions of the picture, each step's sum 1; `pixels`
            (batch, size, size, 3), what the model saw. The step after the last piece wrote the end.
        """
        pixels, problems = self.picture(picture)
        usual_beam = tf.constant(self.search_settings.beam)
        decoded = self.search({"pixels": pixels}, tf.equal(problems, ""), usual_beam, tf.constant(1))
        pieces = self.text.pieces_of(decoded.tokens)
        rows, columns = self.models[0].encoder.grid(self.picture.settings.size)
        batch, steps = tf.unstack(tf.shape(pieces[:, 0]))
        return {
            "caption": self.text.texts(pieces)[:, 0],
            "pieces": pieces[:, 0],
            "attention": tf.cast(tf.reshape(decoded.record[:, 0], [batch, steps, rows, columns]), tf.float32),
            "pixels": pixels,
        }

    def greedy(self, seen: dict[str, tf.Tensor]) -> tf.Tensor:
        """Pixels or features of pictures to captions (batch,), by greedy search."""
        count = tf.shape(next(iter(seen.values())))[0]
        decoded = self.search(seen, tf.fill([count], True), tf.constant(1), tf.constant(1))
        return self.text.texts(self.text.pieces_of(decoded.tokens[:, 0]))

    def search(
        self, seen: dict[str, tf.Tensor], is_picture: tf.Tensor, beam: tf.Tensor, n_best: tf.Tensor
    ) -> Decoded:
        """Seek the best captions.

        Args:
            seen: pixels or features, as `Captioner.encode`.
            is_picture: (batch,), whether there is anything to describe.
            beam: () beginnings kept at each step.
            n_best: () captions of each picture.
        """
        beam = tf.maximum(beam, 1)
        n_best = tf.clip_by_value(n_best, 1, beam)
        begun = [model.begin(*model.encode(seen)) for model in self.models]
        # The rows of a picture stand together and stay there: what they look at is laid out once.
        pictures = [
            tf.nest.map_structure(lambda part: tf.repeat(part, beam, axis=0), picture) for _, picture in begun
        ]
        # Neither is ever written.
        never = sum(
            tf.one_hot(number, self.text.size, on_value=float("-inf"), off_value=0.0)
            for number in (PADDING, UNKNOWN)
        )

        def step(tokens: tf.Tensor, states: list[Any]) -> StepResult:
            results = [
                model.step(tokens, state, picture)
                for model, state, picture in zip(self.models, states, pictures, strict=True)
            ]
            logits, states, weights = zip(*results, strict=True)
            record = sum(weights) / len(weights) if self.attends else ()
            return StepResult(agreed_logits(logits) + never, list(states), record)

        settings = self.search_settings
        count = tf.shape(is_picture)[0]
        return beam_search(
            step,
            [states for states, _ in begun],
            tf.fill([count], BOUNDARY),
            BOUNDARY,
            tf.where(is_picture, settings.maximum_length, 0),
            beam,
            n_best,
            length_penalty=settings.length_penalty,
            no_repeat_ngram=settings.no_repeat_ngram,
        )

    def endpoints(self) -> dict[str, Endpoint]:
        """`serve` for captions and, of models that attend, `attention` for what was looked at."""
        usual_beam, only_best = tf.constant(self.search_settings.beam), tf.constant(1)

        # Defaults are tensors, so that the signature carries them.
        def serve(
            picture: tf.Tensor, beam: tf.Tensor = usual_beam, n_best: tf.Tensor = only_best
        ) -> dict[str, tf.Tensor]:
            return self.caption(picture, beam, n_best)

        pictures = tf.TensorSpec([None], tf.string, name="picture")
        numbers = [tf.TensorSpec([], tf.int32, name=name) for name in ("beam", "n_best")]
        endpoints: dict[str, Endpoint] = {"serve": (serve, [pictures, *numbers])}
        if self.attends:
            endpoints["attention"] = (self.attention, [pictures])
        return endpoints
