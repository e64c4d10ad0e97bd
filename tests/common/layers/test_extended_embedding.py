import numpy as np
import tensorflow as tf
from support.layer_case import run_layer_test

from common.layers.extended_embedding import ExtendedEmbedding


def test_layer():
    run_layer_test(lambda **kw: ExtendedEmbedding(6, 4, 3, **kw), (2, 5), (2, 5, 3), 1, integers=True)


def test_without_a_fixed_part():
    run_layer_test(lambda **kw: ExtendedEmbedding(10, 0, 3, **kw), (2, 5), (2, 5, 3), 1, integers=True)


def test_ids_beyond_the_learned_rows_are_looked_up_in_the_fixed_ones():
    layer = ExtendedEmbedding(2, 3, 2)
    layer.build((None, None))
    vectors = np.arange(10, dtype=np.float32).reshape(5, 2)
    layer.start_from(vectors)
    numbers = tf.constant([[0, 4, 1], [2, 3, 2]])
    with tf.GradientTape() as tape:
        outputs = layer(numbers)
    np.testing.assert_array_equal(outputs, vectors[numbers.numpy()])
    gradient = tf.convert_to_tensor(tape.gradient(outputs, layer.trainable_weights[0].value))
    # Row 0 and row 1 were looked up once each; fixed rows get no gradient.
    np.testing.assert_array_equal(gradient, [[1.0, 1.0], [1.0, 1.0]])
