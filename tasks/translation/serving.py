"""From sentences to translations: pieces, model, search and joining, in one graph."""

from typing import Any

import tensorflow as tf

from common.contract.serving import Endpoint, ServingModule
from common.decoding.beam import beam_search
from common.decoding.step import Decoded, StepResult, agreed_logits
from common.inputs.subwords import BOUNDARY
from common.inputs.words import PADDING, UNKNOWN
from tasks.translation.config import SearchSettings
from tasks.translation.model import Translator
from tasks.translation.preprocessing import TranslationPreprocessing


class TranslationServing(ServingModule):
    """Sentences to translations, by one model or by several that answer as one.

    Several models agree at each step on the mean of their probabilities; their attention is the mean too.
    """

    def __init__(
        self, preprocessing: TranslationPreprocessing, models: list[Translator], search: SearchSettings
    ) -> None:
        """Join the parts.

        Args:
            preprocessing: of the models, which share it.
            models: one, or an ensemble.
            search: how translations are sought.
        """
        super().__init__(name="translation")
        # Said apart, so that the export finds the lookup tables.
        self.source = preprocessing.source
        self.target = preprocessing.target
        self.models = models
        self.search_settings = search

    def translate(self, sentence: tf.Tensor, beam: tf.Tensor, n_best: tf.Tensor) -> dict[str, tf.Tensor]:
        """Sentences (batch,) to their translations.

        Args:
            sentence: (batch,) strings; an empty one has an empty translation.
            beam: () beginnings kept at each step.
            n_best: () translations of each sentence, at most `beam`.

        Returns:
            `translation` (batch,), the best; `translations` (batch, n_best), the best first; `scores`
            (batch, n_best), minus infinity where the search found fewer.
        """
        pieces = self._read_pieces(sentence)  # (batch, pieces)
        decoded = self._search(pieces, beam, n_best)
        translations = self.target.texts(self._written_pieces(decoded, pieces))  # (batch, n_best)
        return {
            "translation": translations[:, 0],
            "translations": translations,
            "scores": decoded.scores,
        }

    def attention(self, sentence: tf.Tensor) -> dict[str, tf.Tensor]:
        """Sentences (batch,) to the best translation, its pieces, and what was looked at for each.

        Returns:
            `translation` (batch,); `source_pieces` (batch, pieces) and `pieces` (batch, steps), empty strings
            behind the last one; `attention` (batch, steps, pieces), whose rows sum to 1, and are zeros
            behind a sentence's end. The step after the last piece wrote the end, if it came in time.
        """
        pieces = self._read_pieces(sentence)
        decoded = self._search(pieces, tf.constant(self.search_settings.beam), tf.constant(1))
        written = self._written_pieces(decoded, pieces)
        return {
            "translation": self.target.texts(written)[:, 0],
            "source_pieces": pieces.to_tensor(""),
            "pieces": written[:, 0],
            "attention": decoded.record[:, 0],
        }

    def tokens(self, sentence: tf.Tensor) -> dict[str, tf.Tensor]:
        """Sentences (batch,) to their pieces joined by blanks, and how many there were and were read."""
        pieces = self.source.pieces(sentence)
        limit = self.source.settings.maximum_length
        return {
            "pieces": tf.strings.reduce_join(pieces, axis=-1, separator=" "),
            "count": pieces.row_lengths(),
            "read": tf.minimum(pieces.row_lengths(), limit),
        }

    def _read_pieces(self, sentence: tf.Tensor) -> tf.RaggedTensor:
        return self.source.pieces(sentence)[:, : self.source.settings.maximum_length]

    def _search(self, pieces: tf.RaggedTensor, beam: tf.Tensor, n_best: tf.Tensor) -> Decoded:
        """Seek the best translations of sentences cut into pieces (batch, pieces)."""
        source = self.source.numbers(pieces).to_tensor(PADDING)
        beam = tf.maximum(beam, 1)
        n_best = tf.clip_by_value(n_best, 1, beam)
        # A sentence without pieces still has a step, all padding.
        source = tf.pad(source, [[0, 0], [0, tf.cast(tf.equal(tf.shape(source)[1], 0), tf.int32)]])
        encoded = [model.encode(source) for model in self.models]
        # The rows of a sentence stand together and stay there: what they look at is laid out once.
        memories = [
            tf.nest.map_structure(
                lambda part: tf.repeat(part, beam, axis=0), model.decoder.prepare(memory, mask)
            )
            for model, (memory, mask, _) in zip(self.models, encoded, strict=True)
        ]
        states = [
            model.decoder.initial_states(summary)
            for model, (_, _, summary) in zip(self.models, encoded, strict=True)
        ]
        # Padding is never written.
        never = tf.one_hot(PADDING, self.target.size, on_value=float("-inf"), off_value=0.0)

        def step(tokens: tf.Tensor, states: list[Any]) -> StepResult:
            results = [
                model.step(tokens, state, memory)
                for model, state, memory in zip(self.models, states, memories, strict=True)
            ]
            logits, states, weights = zip(*results, strict=True)
            # The models of an ensemble may compute in different precision.
            looked = sum(tf.cast(one, tf.float32) for one in weights) / len(weights)
            return StepResult(agreed_logits(logits) + never, list(states), looked)

        settings = self.search_settings
        lengths = tf.math.count_nonzero(source, axis=1, dtype=tf.int32)  # (batch,)
        allowed = tf.cast(settings.length_ratio * tf.cast(lengths, tf.float32), tf.int32)
        return beam_search(
            step,
            states,
            tf.fill([tf.shape(source)[0]], BOUNDARY),
            BOUNDARY,
            tf.where(lengths > 0, allowed + settings.length_extra, 0),
            beam,
            n_best,
            length_penalty=settings.length_penalty,
            coverage_penalty=settings.coverage_penalty,
            source_mask=encoded[0][1],
            no_repeat_ngram=settings.no_repeat_ngram,
        )

    def _written_pieces(self, decoded: Decoded, pieces: tf.RaggedTensor) -> tf.Tensor:
        """Pieces (batch, n, steps) of what was found; for an unknown one, that which it was written from.

        Source: Luong et al., "Addressing the rare word problem in neural machine translation", 2015.
        """
        written = self.target.pieces_of(decoded.tokens)
        # At least one, so that there is something to look up where every sentence is empty.
        source = tf.concat([pieces, tf.fill([pieces.nrows(), 1], "")], axis=1).to_tensor("")
        looked_at = tf.argmax(decoded.record, axis=-1, output_type=tf.int32)  # (batch, n, steps)
        copied = tf.gather(source, looked_at, batch_dims=1)
        return tf.where(tf.equal(decoded.tokens, UNKNOWN), copied, written)

    def endpoints(self) -> dict[str, Endpoint]:
        """`serve` for translations, `attention` for where they come from, `tokens` for what is read."""
        usual_beam, only_best = tf.constant(self.search_settings.beam), tf.constant(1)

        # Defaults are tensors, so that the signature carries them.
        def serve(
            sentence: tf.Tensor, beam: tf.Tensor = usual_beam, n_best: tf.Tensor = only_best
        ) -> dict[str, tf.Tensor]:
            return self.translate(sentence, beam, n_best)

        sentences = tf.TensorSpec([None], tf.string, name="sentence")
        numbers = [tf.TensorSpec([], tf.int32, name=name) for name in ("beam", "n_best")]
        return {
            "serve": (serve, [sentences, *numbers]),
            "attention": (self.attention, [sentences]),
            "tokens": (self.tokens, [sentences]),
        }
