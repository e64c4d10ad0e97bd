import numpy as np
import pytest
import tensorflow as tf

from common.layers.exponential_smoothing import ExponentialSmoothing


def logistic(number):
    return 1 / (1 + np.exp(-number))


def smoothed_slowly(values, level_rate, rates, factors, horizon):
    """The equations, one step after the other; factors lists that of the first step first."""
    factors = [list(factor) for factor in factors]
    seasons = [len(factor) for factor in factors]
    start = seasons[0]
    first = [values[t] / np.prod([factor[t] for factor in factors]) for t in range(start)]
    level = np.mean(first)
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
    layer = ExponentialSmoothing(3, [2, 3], horizon=5)
    values = generator.uniform(1, 3, (2, 9)).astype(np.float32)
    series, place = np.array([2, 0]), np.array([13, 4])
    layer(values, series, place)
    for weight in layer.weights:
        weight.assign(generator.normal(size=weight.shape) / 2)
    levels, factors = layer(values, series, place)
    assert levels.shape == (2, 9)
    assert factors.shape == (2, 14)
    for row, (number, last) in enumerate(zip(series, place, strict=True)):
        first = last - 9 + 1
        starts = [
            np.exp(weight.numpy()[number])[[(first + t) % season for t in range(season)]]
            for weight, season in zip(layer.log_factors, (2, 3), strict=True)
        ]
        level_rate = logistic(layer.level_logit.numpy()[number, 0])
        rates = logistic(layer.season_logits.numpy()[number])
        expected = smoothed_slowly(values[row], level_rate, rates, starts, 5)
        np.testing.assert_allclose(levels[row], expected[0], rtol=1e-5)
        np.testing.assert_allclose(factors[row], expected[1], rtol=1e-5)


def test_a_pure_season_is_found_at_its_place():
    season = np.array([0.5, 1.0, 1.5])
    layer = ExponentialSmoothing(1, [3], horizon=4)
    layer.build()
    layer.start_from([season[np.newaxis]])
    for last in (5, 6, 7):
        steps = np.arange(last - 5, last + 5)
        values = (10 * season[steps % 3])[np.newaxis].astype(np.float32)
        levels, factors = layer(values[:, :6], np.array([0]), np.array([last]))
        np.testing.assert_allclose(levels, np.full((1, 6), 10.0), rtol=1e-5)
        np.testing.assert_allclose(factors * 10, values, rtol=1e-5)


@pytest.mark.parametrize("seasons", [[], [4]])
def test_gradients_reach_every_parameter(seasons):
    layer = ExponentialSmoothing(2, seasons, horizon=3)
    values = tf.constant(np.random.default_rng(1).uniform(1, 2, (4, 8)), tf.float32)
    series, place = tf.constant([0, 1, 0, 1]), tf.constant([3, 8, 9, 2])
    with tf.GradientTape() as tape:
        levels, factors = layer(values, series, place)
        loss = tf.reduce_sum(levels[:, -1:] * factors[:, 8:] ** 2)
    used = [weight for weight in layer.trainable_weights if seasons or weight.name == "level"]
    for gradient in tape.gradient(loss, [weight.value for weight in used]):
        assert np.all(np.any(np.asarray(tf.convert_to_tensor(gradient)) != 0, axis=1))
    copy = ExponentialSmoothing.from_config(layer.get_config())
    copy.build()
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy(values, series, place)[1], factors)
