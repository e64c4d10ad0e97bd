"""Serving graph from sentences to translations: pieces, model, search and detokenization."""

from typing import Any

import tensorflow as tf

from common.contract.serving import Endpoint
from common.decoding.step import Decoded
from common.inputs.subwords import SubwordText
from common.inputs.words import PADDING, UNKNOWN
from common.kinds.writing.serving import AttendingServing


class TranslationServing(AttendingServing):
    """From sentences to translations, with one model or an ensemble."""

    input_name = "sentence"
    output_name = "translation"
    # Unknown pieces may be generated: they are replaced by source pieces.
    never_written = (PADDING,)

    @property
    def text(self) -> SubwordText:
        """Vocabulary of the target language."""
        return self.preprocessing.target

    def serve(self, sentence: tf.Tensor, beam: Any, n_best: Any) -> dict[str, tf.Tensor]:
        """Translate sentences; an empty sentence has an empty translation.

        Args:
            sentence: (batch,) strings.
            beam: () beam size.
            n_best: () translations for each sentence, at most `beam`.

        Returns:
            `translation` (batch,), the best; `translations` (batch, n_best), best first; `scores`
            (batch, n_best), minus infinity where the search found fewer.
        """
        pieces = self._read_pieces(sentence)  # (batch, pieces)
        decoded = self._translate(pieces, beam, n_best)
        return self.outputs(self.text.texts(self._written_pieces(decoded, pieces)), decoded)

    def greedy(self, sentence: tf.Tensor) -> tf.Tensor:
        """Translate sentences (batch,) by greedy search: (batch,)."""
        return self.serve(sentence, beam=1, n_best=1)[self.output_name]

    def attention(self, sentence: tf.Tensor) -> dict[str, tf.Tensor]:
        """Translate sentences (batch,), and return the attention for each piece of the best translation.

        Returns:
            `translation` (batch,); `source_pieces` (batch, pieces) and `pieces` (batch, steps), padded with
            empty strings; `attention` (batch, steps, pieces), with rows that sum to 1, and zeros after the
            end. The step after the last piece generated the end, unless the limit was reached.
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
        """Split sentences (batch,): pieces joined by spaces, their number, and how many the model reads."""
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
        """Search for the best translations of sentences, given as pieces (batch, pieces)."""
        settings = self.search_settings
        source = self.preprocessing.source.numbers(pieces).to_tensor(PADDING)
        # At least one step, of padding, even if all sentences are empty.
        source = tf.pad(source, [[0, 0], [0, tf.cast(tf.equal(tf.shape(source)[1], 0), tf.int32)]])
        lengths = tf.math.count_nonzero(source, axis=1, dtype=tf.int32)  # (batch,)
        limits = tf.cast(settings.length_ratio * tf.cast(lengths, tf.float32), tf.int32)
        return self.search(
            [model.begin(*model.encode(source)) for model in self.models],
            tf.where(lengths > 0, limits + settings.length_extra, 0),
            beam,
            n_best,
            coverage_penalty=settings.coverage_penalty,
            source_mask=tf.not_equal(source, PADDING),
        )

    def _written_pieces(self, decoded: Decoded, pieces: tf.RaggedTensor) -> tf.Tensor:
        """Return the pieces (batch, n, steps), with unknown ones replaced by the most attended source piece.

        Source: Luong et al., "Addressing the rare word problem in neural machine translation", 2015.
        """
        written = self.text.pieces_of(decoded.tokens)
        # At least one piece, so that tf.gather works even if all sentences are empty.
        source = tf.concat([pieces, tf.fill([pieces.nrows(), 1], "")], axis=1).to_tensor("")
        attended = tf.argmax(decoded.record, axis=-1, output_type=tf.int32)  # (batch, n, steps)
        copied = tf.gather(source, attended, batch_dims=1)
        return tf.where(tf.equal(decoded.tokens, UNKNOWN), copied, written)

    def endpoints(self) -> dict[str, Endpoint]:
        """Return `serve` for translations, `attention` for their attention, `tokens` for source pieces."""
        sentences = tf.TensorSpec([None], tf.string, name=self.input_name)
        return {**super().endpoints(), "tokens": (self.tokens, [sentences])}
