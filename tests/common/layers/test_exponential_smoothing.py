import numpy as np
import pytest
import tensorflow as tf

from common.layers.exponential_smoothing import ExponentialSmoothing


def logistic(number):
    return 1 / (1 + np.exp(-number))


def smoothed_slowly(values, level_rate, rates, seasons, horizon):
    """The equations, step by step."""
    longest = seasons[-1]
    level = np.mean(values[:longest])
    rest = values[:longest] / level
    factors = []
    for season in seasons:
        factor = [np.mean(rest[place : longest // season * season : season]) for place in range(season)]
        rest = [ratio / factor[place % season] for place, ratio in enumerate(rest)]
        factors.append(factor)
    levels, products = [], []
    for t, value in enumerate(values):
        current = [factor[t] for factor in factors]
        product = np.prod(current)
        level = level_rate * value / product + (1 - level_rate) * level
        for k, factor in enumerate(factors):
            others = product / current[k]
            factor.append(rates[k] * value / (level * others) + (1 - rates[k]) * current[k])
        levels.append(level)
        products.append(product)
    for step in range(horizon):
        lasts = [factor[len(values) + step % season] for factor, season in zip(factors, seasons, strict=True)]
        products.append(np.prod(lasts))
    return levels, products


def test_against_the_equations_written_out():
    generator = np.random.default_rng(0)
    layer = ExponentialSmoothing(3, [2, 5], horizon=7)
    values = generator.uniform(1, 3, (2, 9)).astype(np.float32)
    series = np.array([2, 0])
    layer(values, series)
    for weight in layer.weights:
        weight.assign(generator.normal(size=weight.shape))
    levels, factors = layer(values, series)
    assert levels.shape == (2, 9)
    assert factors.shape == (2, 16)
    for row, number in enumerate(series):
        level_rate = logistic(layer.level_logit.numpy()[number, 0])
        rates = logistic(layer.season_logits.numpy()[number])
        expected = smoothed_slowly(values[row], level_rate, rates, [2, 5], 7)
        np.testing.assert_allclose(levels[row], expected[0], rtol=1e-5)
        np.testing.assert_allclose(factors[row], expected[1], rtol=1e-5)


def test_a_pure_season_is_predicted():
    values = np.tile([5.0, 10.0, 15.0], 4)[np.newaxis].astype(np.float32)
    levels, factors = ExponentialSmoothing(1, [3], horizon=4)(values[:, :8], np.array([0]))
    np.testing.assert_allclose(levels, np.full((1, 8), 10.0), rtol=1e-5)
    np.testing.assert_allclose(factors * 10, values, rtol=1e-5)


@pytest.mark.parametrize("seasons", [[], [2, 4]])
def test_gradients_reach_every_parameter(seasons):
    layer = ExponentialSmoothing(2, seasons, horizon=3)
    values = tf.constant(np.random.default_rng(1).uniform(1, 2, (4, 8)), tf.float32)
    series = tf.constant([0, 1, 0, 1])
    with tf.GradientTape() as tape:
        levels, factors = layer(values, series)
        loss = tf.reduce_sum(levels[:, -1:] * factors[:, 8:] ** 2)
    for gradient in tape.gradient(loss, [weight.value for weight in layer.trainable_weights]):
        assert np.all(np.asarray(tf.convert_to_tensor(gradient)) != 0)
    copy = ExponentialSmoothing.from_config(layer.get_config())
    copy.build()
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy(values, series)[1], factors)
