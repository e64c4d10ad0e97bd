"""The standard test of a layer, after keras's `run_layer_test`: every layer of common/layers passes it."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops


def run_layer_test(make_layer, input_shape, expected_output_shape, expected_weights, integers=False):
    """Check shapes, weights, mask, serialisation, mixed precision, gradients, fit, saving and export.

    Args:
        make_layer: function of keyword arguments (dtype) that makes the layer.
        input_shape: (batch, time, ...) of the inputs.
        expected_output_shape: of the output.
        expected_weights: number of trainable weights.
        integers: whether the inputs are integers.
    """
    inputs = _inputs(input_shape, integers)
    layer = make_layer()
    outputs = layer(inputs)
    assert tuple(outputs.shape) == expected_output_shape
    assert len(layer.trainable_weights) == expected_weights
    if expected_output_shape[0] == input_shape[0]:
        assert layer.compute_output_shape(input_shape) == expected_output_shape
    _check_serialisation(layer, inputs, outputs)
    if not integers:
        _check_padding(layer, inputs)
        _check_gradients(layer, inputs)
    _check_mixed_precision(make_layer, inputs)


def _inputs(shape, integers):
    generator = np.random.default_rng(0)
    if integers:
        return tf.constant(generator.integers(1, 9, shape), tf.int32)
    return tf.constant(generator.normal(size=shape), tf.float32)


def _check_serialisation(layer, inputs, outputs):
    copy = type(layer).from_config(layer.get_config())
    copy(inputs)
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy(inputs), outputs)


def _check_padding(layer, inputs):
    """Masked steps on either side change nothing, whatever their content."""
    batch, time = inputs.shape[:2]
    rubbish = tf.fill([batch, 3, inputs.shape[2]], 1e3)
    plain = layer(inputs, mask=tf.ones([batch, time], tf.bool))
    for before, after in ((0, 3), (3, 0)):
        parts = [rubbish] * (before > 0) + [inputs] + [rubbish] * (after > 0)
        mask = tf.concat([tf.zeros([batch, before]), tf.ones([batch, time]), tf.zeros([batch, after])], 1) > 0
        padded = layer(tf.concat(parts, axis=1), mask=mask)
        if len(padded.shape) == 3:
            padded = padded[:, before : before + time]
        np.testing.assert_allclose(padded, plain, rtol=1e-5, atol=1e-6)


def _check_gradients(layer, inputs):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(inputs) ** 2)
    for weight, gradient in zip(
        layer.trainable_weights, tape.gradient(loss, [w.value for w in layer.trainable_weights]), strict=True
    ):
        assert gradient is not None, f"no gradient reaches {weight.path}"
        assert np.any(np.asarray(tf.convert_to_tensor(gradient)) != 0), (
            f"the gradient of {weight.path} is zero"
        )


def _check_mixed_precision(make_layer, inputs):
    layer = make_layer(dtype="mixed_bfloat16")
    outputs = layer(inputs)
    if outputs.dtype.is_floating:
        assert outputs.dtype == tf.bfloat16
    assert bool(ops.all(ops.isfinite(ops.cast(outputs, "float32"))))
    assert all(
        keras.backend.standardize_dtype(weight.dtype) == "float32" for weight in layer.trainable_weights
    )


def run_model_test(make_layer, input_shape, tmp_path):
    """Check one step of fit, saving and loading, and the SavedModel, of a model around the layer."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input(input_shape[1:])
    outputs = keras.layers.Dense(1)(make_layer()(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(optimizer="sgd", loss="mse")
    x = np.random.default_rng(0).normal(size=input_shape).astype(np.float32)
    before = [weight.copy() for weight in model.get_weights()]
    target = np.ones(model(x).shape, np.float32)
    losses = model.fit(x, target, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert all(np.any(old != new) for old, new in zip(before, model.get_weights(), strict=True))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), model(x))
    model.export(tmp_path / "saved_model", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "saved_model"))
    np.testing.assert_allclose(loaded.serve(x), model(x), rtol=1e-6, atol=1e-6)
