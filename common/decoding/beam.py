"""Beam search for the most probable sequences."""

from typing import Any, NamedTuple

import tensorflow as tf

from common.decoding.step import Decoded, Records, Step, open_rows


class _Hypotheses(NamedTuple):
    """Sequences of tokens, m per sentence."""

    tokens: Any  # (batch, m, longest), the end token at positions not yet filled
    rows: Any  # (batch, m, longest), the row of the step that produced the token, -1 where not yet filled
    scores: Any  # (batch, m)

    def take(self, indices: Any) -> "_Hypotheses":
        """Gather the hypotheses at `indices` (batch, k)."""
        return _Hypotheses(*(tf.gather(value, indices, batch_dims=1) for value in self))


def beam_search(
    step: Step,
    states: Any,
    start_tokens: Any,
    end_token: int,
    maximum_lengths: Any,
    beam: Any,
    n_best: Any = 1,
    length_penalty: float = 0.0,
    coverage_penalty: float = 0.0,
    source_mask: Any = None,
    no_repeat_ngram: int = 0,
) -> Decoded:
    """Keep the `beam` most probable live hypotheses at each step, and the best finished ones.

    A finished sequence Y scores log P(Y) / lp(Y) + cp(Y), with
    lp(Y) = ((5 + |Y|) / 6)^length_penalty, where |Y| counts the end token, and
    cp(Y) = coverage_penalty * sum_i log min(sum_j a_ij, 1), with the attention a_ij of step j to source i.
    A hypothesis finishes if its end token is among the `beam` best candidates, or at the maximum length. The
    search of a sentence stops when no live hypothesis can still reach the n best: no continuation of Y scores
    above log P(Y) / lp(maximum length). A beam of 1 is greedy search, which stops at the first end token.

    The step is called with batch * beam rows, the hypotheses of a sentence next to each other; states are
    gathered along with their hypotheses. To avoid gathering what all hypotheses of a sentence share (the
    encoder's outputs), leave it out of the states and use it in `step` as tf.repeat(it, beam, axis=0).

    Args:
        step: of the model.
        states: of the model before the first step, nested tensors (batch, ...).
        start_tokens: (batch,), input of the first step.
        end_token: token that ends a sequence.
        maximum_lengths: (batch,), maximum number of steps of each sentence.
        beam: number of live hypotheses per sentence; an int, or a tensor () int32.
        n_best: number of sequences to return per sentence, at most `beam`; an int or a tensor, too.
        length_penalty: 0 for none; larger values favour longer sequences.
        coverage_penalty: 0 for none; else the step's record must be its attention weights (rows, source).
        source_mask: (batch, source), positions to cover; None for all.
        no_repeat_ngram: length of n-grams that may not repeat within a sequence; 0 allows repetition.

    Returns:
        The n best sequences of each sentence. If fewer were found, the rest score minus infinity.

    Raises:
        ValueError: if n_best is greater than beam (where both are ints), or a penalty is negative.

    Source: penalties: Wu et al., "Google's neural machine translation system", 2016; no repeated n-gram:
    Paulus, Xiong and Socher, "A deep reinforced model for abstractive summarization", 2018.
    """
    if isinstance(beam, int) and isinstance(n_best, int) and not 1 <= n_best <= beam:
        raise ValueError(f"n_best must be between 1 and beam={beam}, not {n_best}")
    if length_penalty < 0 or coverage_penalty < 0:
        raise ValueError("length_penalty and coverage_penalty must not be negative")
    start_tokens = tf.cast(start_tokens, tf.int32)
    maximum_lengths = tf.cast(maximum_lengths, tf.int32)
    batch = tf.shape(start_tokens)[0]
    longest = tf.reduce_max(maximum_lengths)
    impossible = float("-inf")

    def penalty(lengths: Any) -> Any:
        return ((5.0 + tf.cast(lengths, tf.float32)) / 6.0) ** length_penalty

    def is_greedy_and_done(ended: _Hypotheses) -> Any:
        return tf.equal(beam, 1) & (ended.scores[:, -1] > impossible)  # (batch,)

    def advance(
        t: Any, last: Any, gathered: Any, live: _Hypotheses, ended: _Hypotheses
    ) -> tuple[Any, tuple[Any, ...], Any]:
        states, attended = gathered
        result = step(tf.reshape(last, [-1]), states)
        gains = tf.nn.log_softmax(tf.cast(result.logits, tf.float32))  # (rows, vocabulary)
        if no_repeat_ngram > 0:
            history = tf.reshape(live.tokens, [batch * beam, -1])
            gains = without_repeats(gains, history, t, no_repeat_ngram)
        vocabulary = tf.shape(gains)[1]
        totals = live.scores[:, :, None] + tf.reshape(gains, [batch, beam, vocabulary])
        # At most one continuation per hypothesis is the end token: of 2 * beam candidates, `beam` stay live.
        scores, indices = tf.math.top_k(tf.reshape(totals, [batch, beam * vocabulary]), 2 * beam)
        parents, tokens = indices // vocabulary, indices % vocabulary  # (batch, 2 * beam) each
        rows = tf.range(batch)[:, None] * beam + parents
        is_current = tf.range(tf.shape(live.tokens)[2]) == t
        candidates = live.take(parents)
        candidates = _Hypotheses(
            tokens=tf.where(is_current, tokens[:, :, None], candidates.tokens),
            rows=tf.where(is_current, rows[:, :, None], candidates.rows),
            scores=scores,
        )

        final_scores = scores / penalty(t + 1)
        if coverage_penalty > 0:
            attended += tf.cast(result.record, tf.float32)  # (rows, source)
            final_scores += coverage_penalty * tf.gather(_uncovered(attended, source_mask, beam), rows)
        ends = (tokens == end_token) | (t + 1 >= maximum_lengths)[:, None]
        is_final = ends & (tf.range(2 * beam) < beam) & ~is_greedy_and_done(ended)[:, None]
        ended = _best_of(ended, candidates._replace(scores=tf.where(is_final, final_scores, impossible)))

        live_scores, indices = tf.math.top_k(tf.where(ends, impossible, scores), beam)
        live = candidates.take(indices)._replace(scores=live_scores)
        rows = tf.reshape(tf.gather(rows, indices, batch_dims=1), [-1])
        gathered = tf.nest.map_structure(lambda state: tf.gather(state, rows), (result.states, attended))
        last = tf.gather(tokens, indices, batch_dims=1)  # (batch, beam)
        is_over = live_scores[:, 0] / penalty(maximum_lengths) <= ended.scores[:, -1]
        is_over |= is_greedy_and_done(ended)
        return tf.reduce_all(is_over), (last, gathered, live, ended), result.record

    def no_hypotheses(m: int) -> _Hypotheses:
        tokens = tf.fill([batch, m, tf.maximum(longest, 1)], end_token)
        return _Hypotheses(tokens, -tf.ones_like(tokens), tf.fill([batch, m], impossible))

    # One empty hypothesis; for a maximum length of 0 it is the result.
    is_first = tf.range(beam) == 0
    is_empty = (maximum_lengths <= 0)[:, None]
    live, ended = no_hypotheses(beam), no_hypotheses(n_best)
    live = live._replace(scores=tf.where(is_first & ~is_empty, 0.0, live.scores))
    ended = ended._replace(scores=tf.where(is_first[:n_best] & is_empty, 0.0, ended.scores))
    states = tf.nest.map_structure(lambda state: tf.repeat(state, beam, axis=0), states)
    # No attention yet: broadcast to (rows, source) at the first step.
    gathered = (states, tf.zeros([batch * beam, 1]))
    # The first step runs before the loop, to learn the shapes of the record.
    last = tf.repeat(start_tokens[:, None], beam, axis=1)
    all_over, carry, record = advance(0, last, gathered, live, ended)
    arrays = Records.begin(record, tf.maximum(longest, 1))

    def body(t: Any, all_over: Any, carry: Any, arrays: Any) -> tuple[Any, ...]:
        all_over, carry, record = advance(t, *carry)
        return t + 1, all_over, carry, Records.write(arrays, t, record)

    scalar = tf.TensorShape([])
    last, gathered, *hypotheses = carry
    # beam and n_best may be tensors: the number of hypotheses is not static.
    open_shapes = tf.nest.map_structure(lambda value: tf.TensorShape([None] * value.shape.rank), hypotheses)
    shapes = (tf.TensorShape([None] * last.shape.rank), open_rows(gathered), *open_shapes)
    time, _, carry, arrays = tf.while_loop(
        lambda t, all_over, *_: ~all_over,
        body,
        (1, all_over, carry, arrays),
        (scalar, scalar, shapes, Records.invariants(arrays)),
    )
    *_, ended = carry
    tokens = ended.tokens[:, :, :time]
    lengths = tf.reduce_sum(tf.cast(tokens != end_token, tf.int32), axis=-1)
    return Decoded(tokens, ended.scores, lengths, Records.read(arrays, ended.rows[:, :, :time]))


def without_repeats(log_probabilities: Any, history: Any, t: Any, n: int) -> Any:
    """Rule out tokens that would repeat an n-gram.

    Args:
        log_probabilities: (rows, vocabulary) of the next token.
        history: (rows, longest), tokens so far; only the first t are valid.
        t: number of tokens so far.
        n: length of n-grams that may not repeat.

    Returns:
        The log-probabilities, minus infinity for tokens that are ruled out.
    """
    # At each start of an n-gram: its first n - 1 tokens must equal the last n - 1 of the history.
    starts = tf.maximum(tf.shape(history)[1] - n + 1, 0)
    following = history[:, n - 1 :]  # (rows, starts)
    repeats = tf.range(starts) + n - 1 < t
    for offset in range(n - 1):
        newest = tf.gather(history, tf.maximum(t - n + 1 + offset, 0), axis=1)  # (rows,)
        repeats &= history[:, offset : offset + starts] == newest[:, None]
    repeats = tf.broadcast_to(repeats, tf.shape(following))
    rows = tf.broadcast_to(tf.range(tf.shape(history)[0])[:, None], tf.shape(following))
    bounds = tf.where(repeats, float("-inf"), float("inf"))
    return tf.tensor_scatter_nd_min(log_probabilities, tf.stack([rows, following], axis=-1), bounds)


def _best_of(some: _Hypotheses, others: _Hypotheses) -> _Hypotheses:
    """Return the best hypotheses of both, as many as `some` has."""
    both = _Hypotheses(*(tf.concat(pair, axis=1) for pair in zip(some, others, strict=True)))
    return both.take(tf.math.top_k(both.scores, tf.shape(some.scores)[1]).indices)


def _uncovered(attended: Any, source_mask: Any, beam: Any) -> Any:
    """Sum (rows,) over sources of the log of the accumulated attention (rows, source), capped at 1."""
    logarithms = tf.math.log(tf.clip_by_value(attended, 1e-9, 1.0))
    if source_mask is not None:
        mask = tf.repeat(tf.cast(source_mask, tf.bool), beam, axis=0)
        logarithms = tf.where(mask, logarithms, 0.0)
    return tf.reduce_sum(logarithms, axis=-1)
