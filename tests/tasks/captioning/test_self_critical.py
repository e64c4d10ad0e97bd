"""The second stage: its reward, what it draws, and which captions become likelier."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.captioner_case import INPUTS, settings_with

from common.inputs.subwords import BOUNDARY, FIRST_PIECE, SubwordText
from tasks.captioning.config import CaptionTextSettings
from tasks.captioning.model import Captioner
from tasks.captioning.scores import caption_metrics
from tasks.captioning.self_critical import CiderReward, SelfCritical

DRAWS, LONGEST = 4, 5
# Of three pictures: two words alone, more of them, and other words.
REFERENCES = [["a b", "b a"], ["c d e", "a b"], ["f f", "e"]]
IMAGES = {"picture": np.array([2, 0], np.int64), "pixels": INPUTS["pixels"]}


def test_the_reward_is_cider_d():
    """As pycocoevalcap gives it, to a millionth, where the documents are the same."""
    generator = np.random.default_rng(0)
    words = np.array(["a", "dog", "cat", "runs", "on", "the", "grass", "red", "it's"])

    def sentences(count):
        return [" ".join(generator.choice(words, generator.integers(1, 9))) for _ in range(count)]

    references = [sentences(generator.integers(1, 6)) for _ in range(40)]
    captions = [*sentences(38), "", references[-1][0]]
    expected = caption_metrics(captions, references)["cider_d"]
    reward = CiderReward(references)
    found = [reward.score(place, caption) for place, caption in enumerate(captions)]
    assert 100 * np.mean(found) == pytest.approx(expected, abs=1e-6)
    assert found[-1] > np.mean(found)


@pytest.fixture(scope="module")
def reward():
    return CiderReward(REFERENCES)


@pytest.fixture
def learning(reward):
    """A model that draws words of one letter."""
    settings = CaptionTextSettings(units="words", lowercase=True)
    text = SubwordText([f"\u2581{letter}" for letter in "abcdef"], [0.0] * 6, settings)
    keras.utils.set_random_seed(1)
    options = settings_with(model__objective="cider", model__start_from="first").model
    model = Captioner(options.model_dump(), text.size)
    model.self_critical = SelfCritical(text, reward, DRAWS, LONGEST)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    return model


def captions_of(tokens, counts):
    """Captions of what was drawn, cut by hand."""
    return [
        " ".join("abcdef"[token - FIRST_PIECE] for token in row[counted] if token != BOUNDARY)
        for row, counted in zip(tokens.numpy(), counts.numpy(), strict=True)
    ]


def test_a_caption_is_weighed_against_the_others_of_its_picture(learning, reward):
    tokens, counts, advantage = learning.self_critical.draw(learning, IMAGES)
    captions = captions_of(tokens, counts)
    places = [2] * DRAWS + [0] * DRAWS
    found = np.array([reward.score(*of) for of in zip(places, captions, strict=True)]).reshape(2, DRAWS)
    others = np.stack([np.delete(found, draw, axis=1).mean(axis=1) for draw in range(DRAWS)], axis=1)
    assert found.std(axis=1).min() > 0
    np.testing.assert_allclose(advantage, (found - others).ravel(), rtol=1e-5, atol=1e-5)


def test_the_loss_is_that_of_the_captions_drawn(learning):
    """By the steps of a search, one caption at a time."""
    critical = learning.self_critical
    tokens, counts, advantage = critical.draw(learning, IMAGES)
    memory, summary = learning.encode(IMAGES)
    gained, words = 0.0, 0
    for row in range(2 * DRAWS):
        of_row = slice(row // DRAWS, row // DRAWS + 1)
        states, picture = learning.begin(memory[of_row], summary[of_row])
        last = tf.constant([BOUNDARY])
        for token, counted in zip(tokens[row], counts[row], strict=True):
            if counted:
                logits, states, _ = learning.step(last, states, picture)
                chances = tf.nn.log_softmax(logits + critical.excluded)[0]
                gained, words, last = gained + advantage[row] * chances[int(token)], words + 1, token[None]
    loss = critical.loss(learning, IMAGES, tokens, counts, advantage)
    np.testing.assert_allclose(loss, -gained / words, rtol=1e-4)


def test_gradients_are_scaled_in_float16(learning):
    """The optimizer divides by the scale; steps would be as small as nothing if the loss were not scaled."""
    plain = keras.optimizers.SGD(1.0)
    learning.compile(optimizer=keras.optimizers.LossScaleOptimizer(plain, initial_scale=1024.0))
    batch = tf.data.Dataset.from_tensors((IMAGES | {"written": INPUTS["written"]}, INPUTS["written"]))
    (data,) = batch
    critical = learning.self_critical
    drawn = critical.draw(learning, data[0])
    learning.self_critical.draw = lambda *arguments: drawn
    before = learning.output_bias.numpy()
    with tf.GradientTape() as tape:
        loss = critical.loss(learning, data[0], *drawn)
    gradient = tape.gradient(loss, learning.output_bias.value)
    learning.train_step(data)
    np.testing.assert_allclose(before - learning.output_bias.numpy(), gradient, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_better_captions_become_likelier(learning):
    """The mean reward of what is drawn rises."""
    batch = tf.data.Dataset.from_tensors((IMAGES | {"written": INPUTS["written"]}, INPUTS["written"]))

    def mean_reward():
        drawn = [learning.self_critical.draw(learning, IMAGES)[:2] for _ in range(20)]
        return np.mean(
            [
                learning.self_critical.reward.score(place, caption)
                for tokens, counts in drawn
                for place, caption in zip([2] * DRAWS + [0] * DRAWS, captions_of(tokens, counts), strict=True)
            ]
        )

    before = mean_reward()
    learning.fit(batch.repeat(100), verbose=0)
    assert mean_reward() > 1.5 * before
