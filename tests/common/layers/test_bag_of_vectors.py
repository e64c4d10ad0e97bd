import numpy as np
import tensorflow as tf
from support.layer_case import run_layer_test, run_model_test

from common.layers.bag_of_vectors import BagOfVectors


def test_layer(tmp_path):
    run_layer_test(lambda **kw: BagOfVectors(**kw), (2, 5, 4), (2, 4), 0)
    run_model_test(BagOfVectors, (4, 5, 3), tmp_path)


def test_sum_over_the_root_of_the_number_of_steps():
    inputs = tf.constant([[[1.0], [2.0], [3.0], [4.0], [100.0]]])
    np.testing.assert_allclose(BagOfVectors()(inputs, mask=tf.constant([[True] * 4 + [False]])), [[10 / 2]])
    np.testing.assert_array_equal(BagOfVectors()(inputs, mask=tf.zeros([1, 5], tf.bool)), [[0.0]])
