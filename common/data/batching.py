"""Batches of similar lengths under a budget of time steps, in an order set by seed and epoch alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

Element = tuple[tf.Tensor, ...]


@dataclass(frozen=True)
class LengthBuckets:
    """Padded lengths, and the batch size for each.

    Attributes:
        boundaries: padded lengths, ascending; the last is the length of the longest sequence.
        batch_sizes: batch size of each bucket.
        padding_share: padding steps / all steps, over one epoch.
        steps_per_epoch: batches in one epoch.
    """

    boundaries: tuple[int, ...]
    batch_sizes: tuple[int, ...]
    padding_share: float
    steps_per_epoch: int


def choose_buckets(lengths: np.ndarray, buckets: int, tokens_per_batch: int) -> LengthBuckets:
    """Choose the padded lengths with the least padding, by dynamic programming over the lengths.

    Args:
        lengths: (examples,) length of each training sequence.
        buckets: maximum number of padded lengths.
        tokens_per_batch: time steps in a batch, padding included; a longer sequence is a batch of its own.
    """
    values, counts = np.unique(lengths, return_counts=True)
    examples_up_to = np.concatenate([[0], np.cumsum(counts)])  # (values + 1,)
    # cost[j]: steps after padding if the first j distinct lengths are covered; each round adds a bucket.
    cost = np.full(len(values) + 1, np.inf)
    cost[0] = 0
    choices = []
    for _ in range(min(buckets, len(values))):
        # A bucket from i to j pads all its examples to values[j - 1].
        candidates = cost[:, np.newaxis] + (
            examples_up_to[np.newaxis, :] - examples_up_to[:, np.newaxis]
        ) * np.append(0, values)
        candidates[np.tril_indices(len(values) + 1)] = np.inf
        choices.append(candidates.argmin(axis=0))
        cost = candidates.min(axis=0)
    boundaries = []
    end = len(values)
    for choice in reversed(choices):
        boundaries.append(int(values[end - 1]))
        end = int(choice[end])
    boundaries.reverse()
    batch_sizes = [max(1, tokens_per_batch // boundary) for boundary in boundaries]
    in_bucket = np.bincount(np.searchsorted(boundaries, lengths), minlength=len(boundaries))
    padded = int(np.dot(in_bucket, boundaries))
    return LengthBuckets(
        boundaries=tuple(boundaries),
        batch_sizes=tuple(batch_sizes),
        padding_share=1 - float(lengths.sum()) / padded,
        steps_per_epoch=sum(-(-int(n) // size) for n, size in zip(in_bucket, batch_sizes, strict=True)),
    )


class Batches(Protocol):
    """What the training loop needs of one split, however its examples are stored.

    Attributes:
        lengths: (examples,) number of time steps of each example.
    """

    lengths: np.ndarray

    def training_batches(
        self, buckets: LengthBuckets, epoch: tf.Variable, seed: int, shuffle_buffer: int
    ) -> tf.data.Dataset:
        """Batches in a new order each epoch, which depends only on `seed` and `epoch`."""

    def scoring_batches(self, buckets: LengthBuckets) -> tf.data.Dataset:
        """Batches of every example, in a fixed order."""


class SequenceBatches:
    """Preprocessed examples of one split, cached in a file, and their batches.

    The first pass (for `lengths`) writes the file, so that preprocessing runs only once and memory does not
    grow with the data.
    """

    def __init__(
        self,
        examples: tf.data.Dataset,
        cache_file: Path,
        length: Callable[..., tf.Tensor] = lambda sequence, target: tf.shape(sequence)[0],
        pad_to_boundary: bool = True,
    ) -> None:
        """Cache the examples and measure their lengths.

        Args:
            examples: (sequence (time, ...), target); with `length`, any (inputs, targets).
            cache_file: prefix of the cache's files.
            length: function from an example to the number of its time steps.
            pad_to_boundary: whether to pad sequences to the length of their bucket, for few distinct shapes;
                if not, each feature is padded to its longest sequence in the batch.
        """
        cache_file.parent.mkdir(parents=True, exist_ok=True)
        self.examples = _in_fixed_order(examples.cache(str(cache_file)))
        self.length = length
        self.pad_to_boundary = pad_to_boundary
        self.lengths = np.fromiter(self.examples.map(length).as_numpy_iterator(), dtype=np.int64)

    def training_batches(
        self, buckets: LengthBuckets, epoch: tf.Variable, seed: int, shuffle_buffer: int
    ) -> tf.data.Dataset:
        """Batches in a new order each epoch.

        The order depends only on `seed` and the value of `epoch` when the iteration starts: an epoch repeated
        after a crash gets the same batches.

        Args:
            buckets: padded lengths and batch sizes.
            epoch: () int64, incremented by the training loop.
            seed: of the run.
            shuffle_buffer: size of the shuffle buffer, in examples.
        """

        def one_epoch(_: tf.Tensor) -> tf.data.Dataset:
            # 1,000,003 is prime: runs with neighbouring seeds do not share epochs' orders.
            return self._bucketed(
                self.examples.shuffle(shuffle_buffer, seed=seed * 1_000_003 + epoch.read_value()), buckets
            )

        return counted(tf.data.Dataset.from_tensors(0).flat_map(one_epoch), buckets)

    def scoring_batches(self, buckets: LengthBuckets) -> tf.data.Dataset:
        """Batches of every example, in a fixed order."""
        return counted(self._bucketed(self.examples, buckets), buckets)

    def _bucketed(self, examples: tf.data.Dataset, buckets: LengthBuckets) -> tf.data.Dataset:
        return examples.bucket_by_sequence_length(
            self.length,
            # tf.data's boundaries are exclusive, and its last bucket has none, so would be padded per batch.
            bucket_boundaries=[boundary + 1 for boundary in buckets.boundaries],
            bucket_batch_sizes=[*buckets.batch_sizes, 1],
            pad_to_bucket_boundary=self.pad_to_boundary,
        )


def counted(batches: tf.data.Dataset, buckets: LengthBuckets) -> tf.data.Dataset:
    """Fix the order of batches and set their number, so that progress bars can show it."""
    return _in_fixed_order(
        batches.apply(tf.data.experimental.assert_cardinality(buckets.steps_per_epoch)).prefetch(4)
    )


def _in_fixed_order(dataset: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    options.deterministic = True
    options.experimental_optimization.inject_prefetch = False
    return dataset.with_options(options)


def ordered_answers(
    examples: Iterator[Any],
    answer: Callable[[list[Any]], list[Any]],
    length: Callable[[Any], int],
    steps_per_batch: int,
    window: int = 2_048,
) -> Iterator[tuple[Any, Any]]:
    """Answer examples in batches of similar lengths, and yield them in their original order.

    Args:
        examples: any number; `window` of them are in memory at a time.
        answer: function from a batch of examples to their answers.
        length: function from an example to its approximate length.
        steps_per_batch: maximum sum of padded lengths in a batch; a longer example is a batch of its own.
        window: number of examples that are sorted by length together.

    Yields:
        (example, answer), in the order of `examples`.
    """
    buffer: list[Any] = []
    for example in examples:
        buffer.append(example)
        if len(buffer) == window:
            yield from _answer_window(buffer, answer, length, steps_per_batch)
            buffer = []
    if buffer:
        yield from _answer_window(buffer, answer, length, steps_per_batch)


def _answer_window(
    examples: list[Any],
    answer: Callable[[list[Any]], list[Any]],
    length: Callable[[Any], int],
    steps_per_batch: int,
) -> Iterator[tuple[Any, Any]]:
    lengths = [max(1, length(example)) for example in examples]
    answers: list[Any] = [None] * len(examples)
    batch: list[int] = []
    for index in sorted(range(len(examples)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[index] > steps_per_batch:
            _answer_batch(batch, examples, answers, answer)
            batch = []
        batch.append(index)
    _answer_batch(batch, examples, answers, answer)
    yield from zip(examples, answers, strict=True)


def _answer_batch(
    batch: list[int], examples: list[Any], answers: list[Any], answer: Callable[[list[Any]], list[Any]]
) -> None:
    for index, result in zip(batch, answer([examples[index] for index in batch]), strict=True):
        answers[index] = result
