"""Batches of like length under a budget of time steps, in an order that depends only on seed and epoch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

Element = tuple[tf.Tensor, ...]


@dataclass(frozen=True)
class LengthBuckets:
    """Padded lengths, and how many sequences of each make a batch.

    Attributes:
        boundaries: padded lengths, rising; the last is the longest sequence.
        batch_sizes: sequences in a batch of each bucket.
        padding_share: padded steps / all steps, over one epoch.
        steps_per_epoch: batches in one epoch.
    """

    boundaries: tuple[int, ...]
    batch_sizes: tuple[int, ...]
    padding_share: float
    steps_per_epoch: int


def choose_buckets(lengths: np.ndarray, buckets: int, tokens_per_batch: int) -> LengthBuckets:
    """Choose the padded lengths that waste the fewest steps, by dynamic programming over the lengths.

    Args:
        lengths: (examples,) length of each training sequence.
        buckets: number of padded lengths at most.
        tokens_per_batch: time steps in a batch, padding included; a longer sequence is a batch of its own.
    """
    values, counts = np.unique(lengths, return_counts=True)
    examples_up_to = np.concatenate([[0], np.cumsum(counts)])  # (values + 1,)
    # cost[j]: padded steps when the first j different lengths are covered; one more bucket each round.
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
    """What the training loop asks of one split, however its examples are kept.

    Attributes:
        lengths: (examples,) time steps of each.
    """

    lengths: np.ndarray

    def training_batches(
        self, buckets: LengthBuckets, epoch: tf.Variable, seed: int, shuffle_buffer: int
    ) -> tf.data.Dataset:
        """Batches in a new order each epoch, drawn from `seed` and `epoch` and from nothing else."""

    def scoring_batches(self, buckets: LengthBuckets) -> tf.data.Dataset:
        """Batches of every example, in a fixed order."""


class SequenceBatches:
    """Preprocessed examples of one split, kept in a file, and their batches.

    The file is written by the first pass (`lengths`), so that text is split into words once and memory
    does not grow with the data.
    """

    def __init__(self, examples: tf.data.Dataset, cache_file: Path) -> None:
        """Take examples (sequence (time, ...), target) and a path that the cache may use."""
        cache_file.parent.mkdir(parents=True, exist_ok=True)
        self.examples = _in_fixed_order(examples.cache(str(cache_file)))
        self.lengths = np.fromiter(
            self.examples.map(lambda sequence, target: tf.shape(sequence)[0]).as_numpy_iterator(),
            dtype=np.int64,
        )

    def training_batches(
        self, buckets: LengthBuckets, epoch: tf.Variable, seed: int, shuffle_buffer: int
    ) -> tf.data.Dataset:
        """Batches in a new order each epoch.

        The order is drawn from `seed` and the value that `epoch` has when the iteration starts, and from
        nothing else: an epoch repeated after a crash sees the same batches.

        Args:
            buckets: padded lengths and batch sizes.
            epoch: () int64, counted up by the training loop.
            seed: of the run.
            shuffle_buffer: examples among which the next one is drawn.
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
            lambda sequence, target: tf.shape(sequence)[0],
            # The library's boundaries are exclusive, and its last bucket has none: it would pad by the batch.
            bucket_boundaries=[boundary + 1 for boundary in buckets.boundaries],
            bucket_batch_sizes=[*buckets.batch_sizes, 1],
            pad_to_bucket_boundary=True,
        )


def counted(batches: tf.data.Dataset, buckets: LengthBuckets) -> tf.data.Dataset:
    """Fix the order of batches and their number: a loop that knows it shows how far it is."""
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
    """Answer examples in batches of like length and give them back in the order they came.

    Args:
        examples: any number; `window` of them are held at a time.
        answer: a batch of examples to as many answers.
        length: about how long an example is.
        steps_per_batch: sum of padded lengths in a batch at most; a longer example is a batch of its own.
        window: examples among which like lengths are sought.

    Yields:
        (example, answer), in the order of `examples`.
    """
    held: list[Any] = []
    for example in examples:
        held.append(example)
        if len(held) == window:
            yield from _answer_window(held, answer, length, steps_per_batch)
            held = []
    if held:
        yield from _answer_window(held, answer, length, steps_per_batch)


def _answer_window(
    held: list[Any],
    answer: Callable[[list[Any]], list[Any]],
    length: Callable[[Any], int],
    steps_per_batch: int,
) -> Iterator[tuple[Any, Any]]:
    lengths = [max(1, length(example)) for example in held]
    answers: list[Any] = [None] * len(held)
    batch: list[int] = []
    for index in sorted(range(len(held)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[index] > steps_per_batch:
            _answer_batch(batch, held, answers, answer)
            batch = []
        batch.append(index)
    _answer_batch(batch, held, answers, answer)
    yield from zip(held, answers, strict=True)


def _answer_batch(
    batch: list[int], held: list[Any], answers: list[Any], answer: Callable[[list[Any]], list[Any]]
) -> None:
    for index, result in zip(batch, answer([held[index] for index in batch]), strict=True):
        answers[index] = result
