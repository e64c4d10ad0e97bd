"""Greedy search and sampling: one sequence per sentence."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from common.decoding.step import Decoded, Records, Step, open_rows


def greedy_search(
    step: Step, states: Any, start_tokens: Any, end_token: int, maximum_lengths: Any
) -> Decoded:
    """Choose the most probable token at each step.

    Args:
        step: of the model.
        states: of the model before the first step, nested tensors (batch, ...).
        start_tokens: (batch,), input of the first step.
        end_token: token that ends a sequence.
        maximum_lengths: (batch,), maximum number of steps of each sentence.

    Returns:
        One sequence per sentence; its score is its log-probability.
    """

    def choose(logits: Any, t: Any) -> Any:
        return tf.argmax(logits, axis=-1, output_type=tf.int32)

    return _search(step, states, start_tokens, end_token, maximum_lengths, choose)


def sample(
    step: Step,
    states: Any,
    start_tokens: Any,
    end_token: int,
    maximum_lengths: Any,
    seed: Any,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Decoded:
    """Sample a token at each step from softmax(logits / temperature), truncated by top_k and top_p.

    Args:
        step: of the model.
        states: of the model before the first step, nested tensors (batch, ...).
        start_tokens: (batch,), input of the first step.
        end_token: token that ends a sequence.
        maximum_lengths: (batch,), maximum number of steps of each sentence.
        seed: (2,) integers; the same seed samples the same tokens.
        temperature: positive; below 1 favours probable tokens, above 1 improbable ones.
        top_k: sample only from this many most probable tokens.
        top_p: sample only from the most probable tokens that together reach this probability, after top_k.

    Returns:
        One sequence per sentence; its score is its log-probability before temperature and truncation.

    Raises:
        ValueError: if temperature, top_k or top_p is out of range.

    Source: top-k: Fan, Lewis and Dauphin, "Hierarchical neural story generation", 2018; top-p: Holtzman et
    al., "The curious case of neural text degeneration", 2020.
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, not {temperature}; use greedy_search for 0")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, not {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, not {top_p}")

    # A temperature that float32 rounds to zero would give NaN.
    temperature = max(temperature, float(np.finfo(np.float32).tiny))

    def choose(logits: Any, t: Any) -> Any:
        # The largest is 0 first: divided by a very low temperature, the others become minus infinity.
        logits = (logits - tf.reduce_max(logits, axis=-1, keepdims=True)) / temperature
        logits = cut_off(logits, top_k, top_p)
        step_seed = tf.random.experimental.stateless_fold_in(seed, t)
        return tf.random.stateless_categorical(logits, 1, step_seed, dtype=tf.int32)[:, 0]

    return _search(step, states, start_tokens, end_token, maximum_lengths, choose)


def cut_off(logits: Any, top_k: int | None, top_p: float | None) -> Any:
    """Set all but the largest logits (rows, vocabulary) to minus infinity; ties are kept together."""
    impossible = tf.constant(float("-inf"), logits.dtype)
    if top_k is not None:
        smallest = tf.math.top_k(logits, tf.minimum(top_k, tf.shape(logits)[1])).values[:, -1:]  # (rows, 1)
        logits = tf.where(logits >= smallest, logits, impossible)
    if top_p is not None:
        ordered = tf.sort(logits, axis=-1, direction="DESCENDING")
        # A token is in the nucleus if the tokens before it do not yet reach top_p.
        in_nucleus = tf.cumsum(tf.nn.softmax(ordered), axis=-1, exclusive=True) < top_p
        nucleus = tf.where(in_nucleus, ordered, logits.dtype.max)
        smallest = tf.reduce_min(nucleus, axis=-1, keepdims=True)  # (rows, 1)
        logits = tf.where(logits >= smallest, logits, impossible)
    return logits


def _search(
    step: Step,
    states: Any,
    start_tokens: Any,
    end_token: int,
    maximum_lengths: Any,
    choose: Callable[[Any, Any], Any],
) -> Decoded:
    """Decode with the tokens (rows,) that `choose` selects from logits (rows, vocabulary) at each step."""
    start_tokens = tf.cast(start_tokens, tf.int32)
    maximum_lengths = tf.cast(maximum_lengths, tf.int32)
    longest = tf.reduce_max(maximum_lengths)
    zeros = tf.zeros_like(start_tokens)

    def advance(t: Any, tokens: Any, states: Any, scores: Any, steps: Any, ended: Any) -> tuple[Any, Any]:
        result = step(tokens, states)
        logits = tf.cast(result.logits, tf.float32)
        tokens = tf.where(ended, end_token, choose(logits, t))
        gains = tf.gather(tf.nn.log_softmax(logits), tokens, batch_dims=1)  # (rows,)
        scores += tf.where(ended, 0.0, gains)
        steps += tf.cast(~ended, tf.int32)
        ended |= (tokens == end_token) | (t + 1 >= maximum_lengths)
        return (tokens, result.states, scores, steps, ended), result.record

    # The first step runs before the loop, to learn the shapes of the record.
    carry, record = advance(0, start_tokens, states, tf.cast(zeros, tf.float32), zeros, maximum_lengths <= 0)
    arrays = Records.begin((carry[0], record), tf.maximum(longest, 1))

    def body(t: Any, carry: Any, arrays: Any) -> tuple[Any, Any, Any]:
        carry, record = advance(t, *carry)
        return t + 1, carry, Records.write(arrays, t, (carry[0], record))

    invariants = (tf.TensorShape([]), open_rows(carry), Records.invariants(arrays))
    time, carry, (tokens, records) = tf.while_loop(
        lambda t, carry, arrays: ~tf.reduce_all(carry[-1]), body, (1, carry, arrays), invariants
    )
    _, _, scores, steps, _ = carry
    tokens = tf.transpose(tokens.gather(tf.range(time)))  # (batch, time)
    lengths = tf.reduce_sum(tf.cast(tokens != end_token, tf.int32), axis=-1)
    row = tf.range(tf.shape(tokens)[0])[:, None]
    rows = tf.where(tf.range(time) < steps[:, None], row, -1)  # (batch, time)
    return Decoded(tokens[:, None], scores[:, None], lengths[:, None], Records.read(records, rows[:, None]))
