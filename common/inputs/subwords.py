"""Texts cut into pieces inside the graph, and put together again: text -> pieces -> numbers, and back.

The pieces are learned by SentencePiece from the training texts; the graph cuts as that library does, but that
each character that was never seen is a piece, with TensorFlow's own operations, so that an export needs
nothing else. The mark of a blank belongs to the piece behind it: joining the pieces and writing blanks for
the marks gives the text again.
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

# Starts a sentence that is being written, and ends it.
BOUNDARY = 2
FIRST_PIECE = 3

BLANK_MARK = "\u2581"
# Between chunks, for the time of the cutting; as a control character it is in no normalised text.
_SEPARATOR = "\x01"
_BLANKS = r"[\s\p{Z}\p{Cc}]+"
# A run of signs with the blank before it. Apostrophes and hyphens stay inside their word.
_SIGNS = r"( ?[^\p{L}\p{M}\p{N}\s'\x{2019}-]+)"
# Longer runs of letters are cut: no language needs them, and the time to merge grows with the square.
_LONGEST_CHUNK = 48
_LONGEST_PIECE = 16
# What SentencePiece takes off the lowest score for a character that it does not know.
_UNKNOWN_PENALTY = 10.0
_FARTHEST = np.iinfo(np.int64).max


class SubwordText(tf.Module):
    """Texts to the numbers of their pieces, by pieces learned from the training split only, and back.

    Number 0 is padding, 1 an unknown piece, 2 the boundary of a sentence, 3 the first piece.

    bpe: the two neighbours whose join was learned first are joined, until no join is left (Sennrich et al.,
    "Neural machine translation of rare words with subword units", 2016). unigram: of all ways to cut, the one
    with the largest sum of log-probabilities (Kudo, "Subword regularization", 2018). words: runs of letters,
    and runs of signs. characters: one by one.

    Example:
        >>> pieces = ["go", "od", "\u2581go", "\u2581", "g", "o", "d"]
        >>> text = SubwordText(pieces, [0.0] * 7, SubwordSettings())
        >>> text.pieces(tf.constant(["good dog"]))
        <tf.RaggedTensor [['\u2581go', 'od', '\u2581', 'd', 'o', 'g']]>
    """

    def __init__(
        self, pieces: list[str], scores: list[float], settings: SubwordSettings, file: Path | None = None
    ) -> None:
        """Make the lookup tables.

        Args:
            pieces: in the order in which they were learned.
            scores: log-probability of each, which `unigram` needs.
            settings: how texts are cut.
            file: where `save` wrote the pieces. The table is then read from it, and an export carries the
                file, which a person can read.
        """
        super().__init__(name="subword_text")
        self.vocabulary = pieces
        self.scores = scores
        self.settings = settings
        self.table = number_table(pieces, file, column=0)

    @property
    def size(self) -> int:
        """Number of different numbers."""
        return FIRST_PIECE + len(self.vocabulary)

    def pieces(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Texts (batch,) to their pieces (batch, pieces), not cut to a length."""
        chunks = split_chunks(texts, self.settings.lowercase)
        cut = {"bpe": self._merged, "unigram": self._likeliest, "characters": _characters}
        if self.settings.units == "words":
            return chunks
        # Most chunks of a batch are there more than once.
        different, places = tf.unique(chunks.flat_values)
        # One more, so that there is one to cut even where every text is empty.
        different = tf.concat([different, [BLANK_MARK]], axis=0)
        pieces = tf.gather(cut[self.settings.units](different), places)  # (chunks, pieces)
        return chunks.with_flat_values(pieces).merge_dims(1, 2)

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Texts (batch,) to numbers (batch, pieces) int32, cut to the maximum length."""
        return self.numbers(self.pieces(texts)[:, : self.settings.maximum_length])

    def numbers(self, pieces: tf.RaggedTensor) -> tf.RaggedTensor:
        """Pieces (batch, pieces) to their numbers, int32."""
        lines = self.table.lookup(pieces.flat_values)
        numbers = tf.where(lines < 0, tf.cast(UNKNOWN, tf.int64), lines + FIRST_PIECE)
        return pieces.with_flat_values(tf.cast(numbers, tf.int32))

    def pieces_of(self, numbers: tf.Tensor) -> tf.Tensor:
        """Numbers of any shape to pieces; nothing for padding and boundary, a replacement for the unknown."""
        marks = {PADDING: "", UNKNOWN: "\N{REPLACEMENT CHARACTER}", BOUNDARY: ""}
        names = [marks[number] for number in range(FIRST_PIECE)] + self.vocabulary
        return tf.gather(tf.constant(names), numbers)

    def texts(self, pieces: tf.Tensor) -> tf.Tensor:
        """Pieces (..., pieces) to texts (...,): the inverse of `pieces`, up to blanks around the text."""
        joined = tf.strings.reduce_join(pieces, axis=-1)
        return tf.strings.strip(tf.strings.regex_replace(joined, BLANK_MARK, " "))

    def _merged(self, chunks: tf.Tensor) -> tf.RaggedTensor:
        """Join neighbours in chunks (n,), those first whose join was learned first; (n, pieces)."""
        symbols = tf.strings.unicode_split(chunks, "UTF-8").to_tensor("")  # (n, longest)
        place = tf.range(tf.shape(symbols)[1])
        nothing = tf.fill([tf.shape(symbols)[0], 1], "")

        def join_once(symbols: tf.Tensor, joined: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            following = tf.concat([symbols[:, 1:], nothing], axis=1)
            pairs = tf.strings.join([symbols, following])  # (n, longest)
            ranks = self.table.lookup(pairs)
            ranks = tf.where((ranks < 0) | tf.equal(following, ""), _FARTHEST, ranks)
            first = tf.argmin(ranks, axis=1, output_type=tf.int32)[:, tf.newaxis]  # (n, 1), the leftmost
            joined = tf.reduce_min(ranks, axis=1, keepdims=True) < _FARTHEST  # (n, 1)
            symbols = tf.where(joined & (place > first), following, symbols)
            return tf.where(joined & tf.equal(place, first), pairs, symbols), joined

        more = tf.ones([tf.shape(symbols)[0], 1], tf.bool)
        symbols, _ = tf.while_loop(
            lambda _, joined: tf.reduce_any(joined),
            join_once,
            (symbols, more),
            (tf.TensorShape([None, None]), tf.TensorShape([None, 1])),
        )
        return _without_empty(symbols)

    def _likeliest(self, chunks: tf.Tensor) -> tf.RaggedTensor:
        """Cut chunks (n,) by the largest sum of scores (Viterbi, 1967); (n, pieces)."""
        characters = tf.strings.unicode_split(chunks, "UTF-8").to_tensor("")  # (n, longest)
        count, longest = tf.shape(characters)[0], tf.shape(characters)[1]
        scores, grams = self._scores_of_grams(characters)  # (n, longest, _LONGEST_PIECE), by start and length
        scores = tf.transpose(scores, [1, 2, 0])
        # Of equally good cuts the one with the longer last piece, as the library does.
        lengths = tf.range(_LONGEST_PIECE, 0, -1)

        def advance(end: tf.Tensor, best: tf.Tensor, taken: tf.TensorArray) -> tuple[Any, ...]:
            starts = tf.maximum(end - lengths, 0)  # (_LONGEST_PIECE,)
            places = tf.stack([starts, lengths - 1], axis=1)
            ending = tf.gather_nd(scores, places)  # (_LONGEST_PIECE, n)
            before = tf.gather(best, starts)  # (_LONGEST_PIECE, n)
            totals = tf.where((lengths <= end)[:, tf.newaxis], before + ending, float("-inf"))
            best = tf.tensor_scatter_nd_update(best, [[end]], [tf.reduce_max(totals, axis=0)])
            taken = taken.write(end - 1, tf.gather(lengths, tf.argmax(totals, axis=0)))
            return end + 1, best, taken

        best = tf.zeros([longest + 1, count])  # At each place, the largest sum of the pieces before it.
        taken = tf.TensorArray(tf.int32, size=longest, element_shape=[None])
        _, _, taken = tf.while_loop(lambda end, *_: end <= longest, advance, (1, best, taken))
        ends = tf.reduce_sum(tf.cast(tf.not_equal(characters, ""), tf.int32), axis=1)  # (n,)
        lengths = _traced_back(tf.transpose(taken.stack()), ends)  # (n, longest)
        chosen = tf.gather(grams, tf.maximum(lengths - 1, 0), batch_dims=2)
        return tf.ragged.boolean_mask(chosen, lengths > 0)

    def _scores_of_grams(self, characters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Every run of characters (n, longest), by start and length: its score and the run itself."""
        known = tf.constant(self.scores, tf.float32)
        unknown = min(self.scores) - _UNKNOWN_PENALTY
        gram, grams, scores = characters, [], []
        for length in range(1, _LONGEST_PIECE + 1):
            if length > 1:
                nothing = tf.fill([tf.shape(characters)[0], length - 1], "")
                following = tf.concat([characters, nothing], axis=1)[:, length - 1 :]
                gram = tf.where(tf.equal(following, ""), "", tf.strings.join([gram, following]))
            lines = self.table.lookup(gram)
            missing = unknown if length == 1 else float("-inf")
            scores.append(tf.where(lines < 0, missing, tf.gather(known, tf.maximum(lines, 0))))
            grams.append(gram)
        return tf.stack(scores, axis=-1), tf.stack(grams, axis=-1)

    def cuts_like(self, other: "SubwordText") -> bool:
        """Say whether another cuts every text into the same numbers."""
        return (self.vocabulary, self.scores) == (other.vocabulary, other.scores) and all(
            getattr(self.settings, name) == getattr(other.settings, name)
            for name in ("units", "lowercase", "maximum_length")
        )

    def count_longer(self, texts: Iterable[tf.Tensor]) -> int:
        """How many of the texts, in batches (batch,), have more pieces than the maximum length."""
        limit = self.settings.maximum_length

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def count(batch: tf.Tensor) -> tf.Tensor:
            # A piece has a letter at least, but for the blank before the first: the others need no cutting.
            long = tf.boolean_mask(batch, tf.strings.length(batch, unit="UTF8_CHAR") >= limit)
            return tf.math.count_nonzero(self.pieces(long).row_lengths() > limit)

        return sum(int(count(batch)) for batch in texts)

    def save(self, file: Path) -> None:
        """Write the pieces, one a line, each with its score."""
        lines = zip(self.vocabulary, self.scores, strict=True)
        write_text(file, "".join(f"{piece}\t{score:.7g}\n" for piece, score in lines))

    @classmethod
    def load(cls, file: Path, settings: SubwordSettings) -> "SubwordText":
        """Read what `save` wrote.

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
            raise UserError(f"{file} is damaged: it should hold a piece and a score a line; train again.")
        return cls(pieces, scores, settings, file)

    @classmethod
    def learn(cls, texts: Iterable[tf.Tensor], settings: SubwordSettings) -> "SubwordText":
        """Learn the pieces from batches of training texts.

        Raises:
            UserError: if there is nothing to learn, or the vocabulary is too small to hold the characters.
        """
        counts = _count_chunks(texts, settings.lowercase)
        if not counts:
            raise UserError("The training texts are empty; give texts.")
        if settings.units in ("words", "characters"):
            units = counts if settings.units == "words" else _count_characters(counts)
            total = sum(units.values())
            often = [(unit, n) for unit, n in units.most_common() if n >= settings.minimum_count]
            kept = often[: settings.vocabulary_size]
            if not kept:
                raise UserError(
                    f"No piece occurs {settings.minimum_count} times in the training texts; set a smaller "
                    "minimum_count."
                )
            return cls([unit for unit, _ in kept], [float(np.log(n / total)) for _, n in kept], settings)
        return cls(*_train_pieces(counts, settings), settings)


def split_chunks(texts: tf.Tensor, lowercase: bool = False) -> tf.RaggedTensor:
    """Cut texts where no piece may lie across: before blanks, and around runs of signs.

    Args:
        texts: (batch,) strings.
        lowercase: whether to write small letters first.

    Returns:
        (batch, chunks) ragged strings. Joined, and with blanks for the marks, they are the text again, with
        one blank for each run of white space and none around it.
    """
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    texts = tf.strings.regex_replace(texts, BLANK_MARK, "_")
    texts = tf.strings.strip(tf.strings.regex_replace(texts, _BLANKS, " "))
    if lowercase:
        texts = tf.strings.lower(texts, encoding="utf-8")
    texts = tf.where(tf.equal(texts, ""), "", tf.strings.join([" ", texts]))
    texts = tf.strings.regex_replace(texts, _SIGNS, rf"{_SEPARATOR}\1{_SEPARATOR}")
    texts = tf.strings.regex_replace(texts, " ", f"{_SEPARATOR}{BLANK_MARK}")
    texts = tf.strings.regex_replace(texts, f"([^{_SEPARATOR}]{{{_LONGEST_CHUNK}}})", rf"\1{_SEPARATOR}")
    chunks = tf.strings.split(texts, _SEPARATOR)
    return tf.ragged.boolean_mask(chunks, tf.not_equal(chunks, ""))


def _characters(chunks: tf.Tensor) -> tf.RaggedTensor:
    """Chunks (n,) to their characters (n, characters)."""
    return tf.strings.unicode_split(chunks, "UTF-8")


def _without_empty(symbols: tf.Tensor) -> tf.RaggedTensor:
    """Strings (n, longest), empty ones at the end, to (n, strings) without these."""
    return tf.ragged.boolean_mask(symbols, tf.not_equal(symbols, ""))


def _traced_back(taken: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
    """Follow the best cuts from the end of each chunk.

    Args:
        taken: (n, longest), length of the best last piece of the first 1, 2, ... characters.
        ends: (n,), characters of the chunk.

    Returns:
        (n, longest), at each character that starts a piece the piece's length, else 0.
    """
    rows = tf.range(tf.shape(taken)[0])

    def step_back(ends: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        length = tf.where(ends > 0, tf.gather(taken, tf.maximum(ends - 1, 0), batch_dims=1), 0)
        lengths = tf.tensor_scatter_nd_max(lengths, tf.stack([rows, ends - length], axis=1), length)
        return ends - length, lengths

    _, lengths = tf.while_loop(
        lambda ends, _: tf.reduce_any(ends > 0), step_back, (ends, tf.zeros_like(taken))
    )
    return lengths


def _count_chunks(texts: Iterable[tf.Tensor], lowercase: bool) -> Counter[str]:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def split(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        different, _, counts = tf.unique_with_counts(split_chunks(batch, lowercase).flat_values)
        return different, counts

    total: Counter[bytes] = Counter()
    for batch in texts:
        different, counts = split(batch)
        total.update(dict(zip(different.numpy().tolist(), counts.numpy().tolist(), strict=True)))
    # Equally frequent ones in the order of their bytes, so that the order of the texts does not count.
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
            # The library counts its own mark of the unknown.
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
        # Behind the place in the library's source and the condition that did not hold.
        reason = " ".join(str(error).split()).rpartition("] ")[2]
        raise UserError(
            f"vocabulary_size={settings.vocabulary_size} does not go with the training texts ({reason}); "
            "give a larger one, or a smaller character_coverage."
        ) from None
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    numbers = range(1, processor.get_piece_size())
    return [processor.id_to_piece(n) for n in numbers], [processor.get_score(n) for n in numbers]


def _sentencepiece_lines(counts: Counter[str]) -> Iterator[str]:
    for chunk, count in counts.items():
        yield f"{chunk}\t{count}"
