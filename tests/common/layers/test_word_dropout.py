import numpy as np
import tensorflow as tf
from support.layer_case import run_layer_test

from common.layers.word_dropout import WordDropout

NUMBERS = tf.constant(np.tile([5, 6, 7, 0], (500, 50)), tf.int32)


def test_layer():
    run_layer_test(lambda **kw: WordDropout(0.5, replacement=1, **kw), (2, 5), (2, 5), 0, integers=True)


def test_fraction_of_words_replaced_and_padding_unchanged():
    dropped = WordDropout(0.3, replacement=1, seed=0)(NUMBERS, training=True).numpy()
    words = NUMBERS.numpy() != 0
    assert np.all(dropped[~words] == 0)
    assert np.all((dropped == NUMBERS) | (dropped == 1))
    assert abs(np.mean(dropped[words] == 1) - 0.3) < 0.01


def test_nothing_replaced_outside_training():
    np.testing.assert_array_equal(WordDropout(0.9, replacement=1)(NUMBERS, training=False), NUMBERS)


def test_only_rare_words_replaced():
    layer = WordDropout(0.5, replacement=1, seed=0, first=6, end=7)
    dropped = layer(NUMBERS, training=True).numpy()
    rare = NUMBERS.numpy() == 6
    np.testing.assert_array_equal(dropped[~rare], NUMBERS.numpy()[~rare])
    assert abs(np.mean(dropped[rare] == 1) - 0.5) < 0.02
