"""Subword segmentation inside the graph: text -> pieces -> ids, and back.

The pieces are learned by SentencePiece from the training texts. The graph segments as SentencePiece does,
except that each unseen character is a piece of its own, with plain TensorFlow operations, so that an export
needs nothing else. The mark of a space belongs to the piece after it: joining the pieces and replacing the
marks with spaces restores the text.
"""

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
import tensorflow as tf

from common.errors import UserError
from common.files import write_text
from common.inputs.lookup import number_table
from common.inputs.settings import SubwordSettings
from common.inputs.words import PADDING, UNKNOWN

# Start token and end token of an output sentence.
BOUNDARY = 2
FIRST_PIECE = 3

BLANK_MARK = "\u2581"
# Temporary separator of chunks; a control character, which normalised text does not contain.
_SEPARATOR = "\x01"
_WHITESPACE = r"[\s\p{Z}\p{Cc}]+"
# A run of punctuation with the space before it. Apostrophes and hyphens stay inside their word.
_PUNCTUATION = r"( ?[^\p{L}\p{M}\p{N}\s'\x{2019}-]+)"
# Longer runs are split: words are shorter, and the time to merge grows quadratically.
_LONGEST_CHUNK = 48
_LONGEST_PIECE = 16
# SentencePiece's score of an unknown character is the lowest score minus this.
_UNKNOWN_PENALTY = 10.0
_NO_RANK = np.iinfo(np.int64).max


class SubwordText(tf.Module):
    """Convert texts to subword ids and back, with pieces learned from the training split only.

    Id 0 is padding, 1 an unknown piece, 2 the sentence boundary, 3 the first piece.

    bpe: repeatedly merge the pair of neighbours whose merge was learned first (Sennrich et al., "Neural
    machine translation of rare words with subword units", 2016). unigram: the segmentation with the largest
    sum of log-probabilities (Kudo, "Subword regularization", 2018). words: runs of letters, and runs of
    punctuation. characters: single characters.

    Example:
        >>> pieces = ["go", "od", "\u2581go", "\u2581", "g", "o", "d"]
        >>> text = SubwordText(pieces, [0.0] * 7, SubwordSettings())
        >>> text.pieces(tf.constant(["good dog"]))
        <tf.RaggedTensor [['\u2581go', 'od', '\u2581', 'd', 'o', 'g']]>
    """

    def __init__(
        self, pieces: list[str], scores: list[float], settings: SubwordSettings, file: Path | None = None
    ) -> None:
        """Create the lookup table.

        Args:
            pieces: in the order in which they were learned.
            scores: log-probability of each piece, for `unigram`.
            settings: how texts are segmented.
            file: where `save` wrote the pieces. The table is then read from it, and an export contains the
                file in readable form.
        """
        super().__init__(name="subword_text")
        self.vocabulary = pieces
        self.scores = scores
        self.settings = settings
        self.table = number_table(pieces, file, column=0)

    @property
    def size(self) -> int:
        """Number of ids, including the special ones."""
        return FIRST_PIECE + len(self.vocabulary)

    def pieces(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Texts (batch,) to pieces (batch, pieces), without truncation."""
        chunks = split_chunks(texts, self.settings.lowercase)
        segment = {"bpe": self._merge, "unigram": self._best_segmentation, "characters": _characters}
        if self.settings.units == "words":
            return chunks
        # Most chunks occur more than once in a batch.
        distinct, indices = tf.unique(chunks.flat_values)
        # One extra chunk, so that there is one even if every text is empty.
        distinct = tf.concat([distinct, [BLANK_MARK]], axis=0)
        pieces = tf.gather(segment[self.settings.units](distinct), indices)  # (chunks, pieces)
        return chunks.with_flat_values(pieces).merge_dims(1, 2)

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Texts (batch,) to ids (batch, pieces) int32, truncated to the maximum length."""
        return self.numbers(self.pieces(texts)[:, : self.settings.maximum_length])

    def numbers(self, pieces: tf.RaggedTensor) -> tf.RaggedTensor:
        """Pieces (batch, pieces) to ids, int32."""
        lines = self.table.lookup(pieces.flat_values)
        ids = tf.where(lines < 0, tf.cast(UNKNOWN, tf.int64), lines + FIRST_PIECE)
        return pieces.with_flat_values(tf.cast(ids, tf.int32))

    def pieces_of(self, numbers: tf.Tensor) -> tf.Tensor:
        """Ids of any shape to pieces; empty for padding and boundary, U+FFFD for unknown pieces."""
        marks = {PADDING: "", UNKNOWN: "\N{REPLACEMENT CHARACTER}", BOUNDARY: ""}
        names = [marks[number] for number in range(FIRST_PIECE)] + self.vocabulary
        return tf.gather(tf.constant(names), numbers)

    def texts(self, pieces: tf.Tensor) -> tf.Tensor:
        """Pieces (..., pieces) to texts (...,): the inverse of `pieces`, except for whitespace."""
        joined = tf.strings.reduce_join(pieces, axis=-1)
        return tf.strings.strip(tf.strings.regex_replace(joined, BLANK_MARK, " "))

    def _merge(self, chunks: tf.Tensor) -> tf.RaggedTensor:
        """Segment chunks (n,) by merging neighbours, earliest learned merges first; (n, pieces)."""
        symbols = tf.strings.unicode_split(chunks, "UTF-8").to_tensor("")  # (n, longest)
        position = tf.range(tf.shape(symbols)[1])
        empty = tf.fill([tf.shape(symbols)[0], 1], "")

        def merge_once(symbols: tf.Tensor, merged: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            following = tf.concat([symbols[:, 1:], empty], axis=1)
            pairs = tf.strings.join([symbols, following])  # (n, longest)
            ranks = self.table.lookup(pairs)
            ranks = tf.where((ranks < 0) | tf.equal(following, ""), _NO_RANK, ranks)
            first = tf.argmin(ranks, axis=1, output_type=tf.int32)[:, tf.newaxis]  # (n, 1), the leftmost
            merged = tf.reduce_min(ranks, axis=1, keepdims=True) < _NO_RANK  # (n, 1)
            symbols = tf.where(merged & (position > first), following, symbols)
            return tf.where(merged & tf.equal(position, first), pairs, symbols), merged

        more = tf.ones([tf.shape(symbols)[0], 1], tf.bool)
        symbols, _ = tf.while_loop(
            lambda _, merged: tf.reduce_any(merged),
            merge_once,
            (symbols, more),
            (tf.TensorShape([None, None]), tf.TensorShape([None, 1])),
        )
        return tf.ragged.boolean_mask(symbols, tf.not_equal(symbols, ""))

    def _best_segmentation(self, chunks: tf.Tensor) -> tf.RaggedTensor:
        """Segment chunks (n,) with the largest sum of scores (Viterbi, 1967); (n, pieces)."""
        characters = tf.strings.unicode_split(chunks, "UTF-8").to_tensor("")  # (n, longest)
        count, longest = tf.shape(characters)[0], tf.shape(characters)[1]
        scores, spans = self._span_scores(characters)  # (n, longest, _LONGEST_PIECE), by start and length
        scores = tf.transpose(scores, [1, 2, 0])
        # Longest first: of equal scores, prefer the longer last piece, as SentencePiece does.
        lengths = tf.range(_LONGEST_PIECE, 0, -1)

        def advance(end: tf.Tensor, best: tf.Tensor, last_lengths: tf.TensorArray) -> tuple[Any, ...]:
            starts = tf.maximum(end - lengths, 0)  # (_LONGEST_PIECE,)
            indices = tf.stack([starts, lengths - 1], axis=1)
            last = tf.gather_nd(scores, indices)  # (_LONGEST_PIECE, n)
            before = tf.gather(best, starts)  # (_LONGEST_PIECE, n)
            totals = tf.where((lengths <= end)[:, tf.newaxis], before + last, float("-inf"))
            best = tf.tensor_scatter_nd_update(best, [[end]], [tf.reduce_max(totals, axis=0)])
            last_lengths = last_lengths.write(end - 1, tf.gather(lengths, tf.argmax(totals, axis=0)))
            return end + 1, best, last_lengths

        best = tf.zeros([longest + 1, count])  # The best score up to each position.
        last_lengths = tf.TensorArray(tf.int32, size=longest, element_shape=[None])
        _, _, last_lengths = tf.while_loop(lambda end, *_: end <= longest, advance, (1, best, last_lengths))
        ends = tf.reduce_sum(tf.cast(tf.not_equal(characters, ""), tf.int32), axis=1)  # (n,)
        lengths = _backtrack(tf.transpose(last_lengths.stack()), ends)  # (n, longest)
        chosen = tf.gather(spans, tf.maximum(lengths - 1, 0), batch_dims=2)
        return tf.ragged.boolean_mask(chosen, lengths > 0)

    def _span_scores(self, characters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores and strings of all spans of characters (n, longest), by start and length."""
        known = tf.constant(self.scores, tf.float32)
        unknown = min(self.scores) - _UNKNOWN_PENALTY
        span, spans, scores = characters, [], []
        for length in range(1, _LONGEST_PIECE + 1):
            if length > 1:
                empty = tf.fill([tf.shape(characters)[0], length - 1], "")
                following = tf.concat([characters, empty], axis=1)[:, length - 1 :]
                span = tf.where(tf.equal(following, ""), "", tf.strings.join([span, following]))
            lines = self.table.lookup(span)
            missing = unknown if length == 1 else float("-inf")
            scores.append(tf.where(lines < 0, missing, tf.gather(known, tf.maximum(lines, 0))))
            spans.append(span)
        return tf.stack(scores, axis=-1), tf.stack(spans, axis=-1)

    def cuts_like(self, other: "SubwordText") -> bool:
        """Whether another converts every text to the same ids."""
        return (self.vocabulary, self.scores) == (other.vocabulary, other.scores) and all(
            getattr(self.settings, name) == getattr(other.settings, name)
            for name in ("units", "lowercase", "maximum_length")
        )

    def count_longer(self, texts: Iterable[tf.Tensor]) -> int:
        """Count the texts, in batches (batch,), with more pieces than the maximum length."""
        limit = self.settings.maximum_length

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
        def count(batch: tf.Tensor) -> tf.Tensor:
            # Shorter texts cannot exceed the limit: each piece but the leading mark holds a character.
            long = tf.boolean_mask(batch, tf.strings.length(batch, unit="UTF8_CHAR") >= limit)
            return tf.math.count_nonzero(self.pieces(long).row_lengths() > limit)

        return sum(int(count(batch)) for batch in texts)

    def save(self, file: Path) -> None:
        """Save the pieces with their scores, one per line."""
        lines = zip(self.vocabulary, self.scores, strict=True)
        write_text(file, "".join(f"{piece}\t{score:.7g}\n" for piece, score in lines))

    @classmethod
    def load(cls, file: Path, settings: SubwordSettings) -> "SubwordText":
        """Load what `save` wrote.

        Raises:
            UserError: if the file is missing or damaged.
        """
        try:
            rows = [line.split("\t") for line in file.read_text(encoding="utf-8").split("\n")[:-1]]
            pieces, scores = [piece for piece, _ in rows], [float(score) for _, score in rows]
        except FileNotFoundError:
            raise UserError(f"{file} is missing: the run is damaged; train it again.") from None
        except ValueError:
            pieces = []
        if not pieces:
            raise UserError(f"{file} is damaged: each line should have a piece and a score; train again.")
        return cls(pieces, scores, settings, file)

    @classmethod
    def learn(cls, texts: Iterable[tf.Tensor], settings: SubwordSettings) -> "SubwordText":
        """Learn the pieces from batches of training texts.

        Raises:
            UserError: if the texts are empty, or the vocabulary is too small for the characters.
        """
        counts = _count_chunks(texts, settings.lowercase)
        if not counts:
            raise UserError("The training texts are all empty; check the file or data set.")
        if settings.units in ("words", "characters"):
            units = counts if settings.units == "words" else _count_characters(counts)
            total = sum(units.values())
            frequent = [(unit, n) for unit, n in units.most_common() if n >= settings.minimum_count]
            vocabulary = frequent[: settings.vocabulary_size]
            if not vocabulary:
                raise UserError(
                    f"No piece occurs {settings.minimum_count} times in the training texts; set a smaller "
                    "minimum_count."
                )
            scores = [float(np.log(n / total)) for _, n in vocabulary]
            return cls([unit for unit, _ in vocabulary], scores, settings)
        return cls(*_train_pieces(counts, settings), settings)


def split_chunks(texts: tf.Tensor, lowercase: bool = False) -> tf.RaggedTensor:
    """Split texts where no piece may cross: before spaces, and around runs of punctuation.

    Args:
        texts: (batch,) strings.
        lowercase: whether to convert to lower case first.

    Returns:
        (batch, chunks) ragged strings. Joined, and with spaces for the marks, they are the text with each run
        of whitespace replaced by one space, and none around it.
    """
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    texts = tf.strings.regex_replace(texts, BLANK_MARK, "_")
    texts = tf.strings.strip(tf.strings.regex_replace(texts, _WHITESPACE, " "))
    if lowercase:
        texts = tf.strings.lower(texts, encoding="utf-8")
    texts = tf.where(tf.equal(texts, ""), "", tf.strings.join([" ", texts]))
    texts = tf.strings.regex_replace(texts, _PUNCTUATION, rf"{_SEPARATOR}\1{_SEPARATOR}")
    texts = tf.strings.regex_replace(texts, " ", f"{_SEPARATOR}{BLANK_MARK}")
    texts = tf.strings.regex_replace(texts, f"([^{_SEPARATOR}]{{{_LONGEST_CHUNK}}})", rf"\1{_SEPARATOR}")
    chunks = tf.strings.split(texts, _SEPARATOR)
    return tf.ragged.boolean_mask(chunks, tf.not_equal(chunks, ""))


def _characters(chunks: tf.Tensor) -> tf.RaggedTensor:
    """Chunks (n,) to characters (n, characters)."""
    return tf.strings.unicode_split(chunks, "UTF-8")


def _backtrack(last_lengths: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
    """Follow the best segmentation back from the end of each chunk.

    Args:
        last_lengths: (n, longest), length of the last piece of the best segmentation of each prefix.
        ends: (n,), length of the chunk.

    Returns:
        (n, longest), length of the piece at each character that starts one, else 0.
    """
    rows = tf.range(tf.shape(last_lengths)[0])

    def step_back(ends: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        length = tf.where(ends > 0, tf.gather(last_lengths, tf.maximum(ends - 1, 0), batch_dims=1), 0)
        lengths = tf.tensor_scatter_nd_max(lengths, tf.stack([rows, ends - length], axis=1), length)
        return ends - length, lengths

    _, lengths = tf.while_loop(
        lambda ends, _: tf.reduce_any(ends > 0), step_back, (ends, tf.zeros_like(last_lengths))
    )
    return lengths


def _count_chunks(texts: Iterable[tf.Tensor], lowercase: bool) -> Counter[str]:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def split(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        distinct, _, counts = tf.unique_with_counts(split_chunks(batch, lowercase).flat_values)
        return distinct, counts

    total: Counter[bytes] = Counter()
    for batch in texts:
        distinct, counts = split(batch)
        total.update(dict(zip(distinct.numpy().tolist(), counts.numpy().tolist(), strict=True)))
    # Sorted by bytes, so that the order of the texts does not matter.
    return Counter({chunk.decode(): count for chunk, count in sorted(total.items())})


def _count_characters(counts: Counter[str]) -> Counter[str]:
    characters: Counter[str] = Counter()
    for chunk, count in counts.items():
        for character in chunk:
            characters[character] += count
    return characters


def _train_pieces(counts: Counter[str], settings: SubwordSettings) -> tuple[list[str], list[float]]:
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_sentencepiece_lines(counts),
            input_format="tsv",
            model_writer=model,
            model_type=settings.units,
            # SentencePiece counts its own unknown symbol.
            vocab_size=settings.vocabulary_size + 1,
            hard_vocab_limit=False,
            character_coverage=settings.character_coverage,
            max_sentencepiece_length=_LONGEST_PIECE,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            unk_id=0,
            bos_id=-1,
            eos_id=-1,
            pad_id=-1,
            num_threads=1,
            minloglevel=3,
        )
    except RuntimeError as error:
        # The message starts with SentencePiece's source location and failed condition.
        reason = " ".join(str(error).split()).rpartition("] ")[2]
        raise UserError(
            f"vocabulary_size={settings.vocabulary_size} does not fit the training texts ({reason}); "
            "set a larger one, or a smaller character_coverage."
        ) from None
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    numbers = range(1, processor.get_piece_size())
    return [processor.id_to_piece(n) for n in numbers], [processor.get_score(n) for n in numbers]


def _sentencepiece_lines(counts: Counter[str]) -> Iterator[str]:
    for chunk, count in counts.items():
        yield f"{chunk}\t{count}"
