"""From sentences to translations: pieces, model, search and joining, in one graph."""

from typing import Any

import tensorflow as tf

from common.contract.serving import Endpoint
from common.decoding.step import Decoded
from common.inputs.subwords import SubwordText
from common.inputs.words import PADDING, UNKNOWN
from common.kinds.writing.serving import WritingServing


class TranslationServing(WritingServing):
    """Sentences to translations, by one model or by several that answer as one."""

    input_name = "sentence"
    output_name = "translation"
    # An unknown piece is written as that which it was copied from.
    never_written = (PADDING,)

    @property
    def text(self) -> SubwordText:
        """The pieces of the language that is written."""
        return self.preprocessing.target

    def serve(self, sentence: tf.Tensor, beam: Any, n_best: Any) -> dict[str, tf.Tensor]:
        """Sentences (batch,) to their translations; an empty one has an empty translation.

        Args:
            sentence: (batch,) strings.
            beam: () unfinished translations kept at each step.
            n_best: () translations of each sentence, at most `beam`.

        Returns:
            `translation` (batch,), the best; `translations` (batch, n_best), the best first; `scores`
            (batch, n_best), minus infinity where the search found fewer.
        """
        pieces = self._read_pieces(sentence)  # (batch, pieces)
        decoded = self._translate(pieces, beam, n_best)
        return self.outputs(self.text.texts(self._written_pieces(decoded, pieces)), decoded)

    def greedy(self, sentence: tf.Tensor) -> tf.Tensor:
        """Sentences (batch,) to the translations (batch,) of greedy search."""
        return self.serve(sentence, beam=1, n_best=1)[self.output_name]

    def attention(self, sentence: tf.Tensor) -> dict[str, tf.Tensor]:
        """Sentences (batch,) to the best translation, its pieces, and what was attended to for each.

        Returns:
            `translation` (batch,); `source_pieces` (batch, pieces) and `pieces` (batch, steps), empty strings
            behind the last one; `attention` (batch, steps, pieces), whose rows sum to 1, and are zeros
            behind a sentence's end. The step after the last piece wrote the end, if it came in time.
        """
        pieces = self._read_pieces(sentence)
        decoded = self._translate(pieces)
        written = self._written_pieces(decoded, pieces)
        return {
            "translation": self.text.texts(written)[:, 0],
            "source_pieces": pieces.to_tensor(""),
            "pieces": written[:, 0],
            "attention": decoded.record[:, 0],
        }

    def tokens(self, sentence: tf.Tensor) -> dict[str, tf.Tensor]:
        """Sentences (batch,) to their pieces joined by spaces, and how many there were and were read."""
        source = self.preprocessing.source
        pieces = source.pieces(sentence)
        return {
            "pieces": tf.strings.reduce_join(pieces, axis=-1, separator=" "),
            "count": pieces.row_lengths(),
            "read": tf.minimum(pieces.row_lengths(), source.settings.maximum_length),
        }

    def _read_pieces(self, sentence: tf.Tensor) -> tf.RaggedTensor:
        source = self.preprocessing.source
        return source.pieces(sentence)[:, : source.settings.maximum_length]

    def _translate(self, pieces: tf.RaggedTensor, beam: Any = None, n_best: Any = 1) -> Decoded:
        """Search for the best translations of sentences cut into pieces (batch, pieces)."""
        settings = self.search_settings
        source = self.preprocessing.source.numbers(pieces).to_tensor(PADDING)
        # A sentence without pieces still has a step, all padding.
        source = tf.pad(source, [[0, 0], [0, tf.cast(tf.equal(tf.shape(source)[1], 0), tf.int32)]])
        lengths = tf.math.count_nonzero(source, axis=1, dtype=tf.int32)  # (batch,)
        allowed = tf.cast(settings.length_ratio * tf.cast(lengths, tf.float32), tf.int32)
        return self.search(
            [model.begin(*model.encode(source)) for model in self.models],
            tf.where(lengths > 0, allowed + settings.length_extra, 0),
            beam,
            n_best,
            coverage_penalty=settings.coverage_penalty,
            source_mask=tf.not_equal(source, PADDING),
        )

    def _written_pieces(self, decoded: Decoded, pieces: tf.RaggedTensor) -> tf.Tensor:
        """Pieces (batch, n, steps) of what was found; for an unknown one, that which was attended to most.

        Source: Luong et al., "Addressing the rare word problem in neural machine translation", 2015.
        """
        written = self.text.pieces_of(decoded.tokens)
        # At least one, so that there is something to look up where every sentence is empty.
        source = tf.concat([pieces, tf.fill([pieces.nrows(), 1], "")], axis=1).to_tensor("")
        attended = tf.argmax(decoded.record, axis=-1, output_type=tf.int32)  # (batch, n, steps)
        copied = tf.gather(source, attended, batch_dims=1)
        return tf.where(tf.equal(decoded.tokens, UNKNOWN), copied, written)

    def endpoints(self) -> dict[str, Endpoint]:
        """`serve` for translations, `attention` for where they come from, `tokens` for what is read."""
        sentences = tf.TensorSpec([None], tf.string, name=self.input_name)
        return {**super().endpoints(), "tokens": (self.tokens, [sentences])}
