"""LSTM, GRU, ElmanRNN and Bidirectional do what Keras's layers of these names do, with the same weights."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.layers.bidirectional import Bidirectional
from common.layers.elman_rnn import ElmanRNN
from common.layers.gru import GRU
from common.layers.lstm import LSTM

UNITS, TIME, FEATURES = 2, 4, 3
OURS = {"lstm": LSTM, "gru": GRU, "elman": ElmanRNN}
THEIRS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "elman": keras.layers.SimpleRNN}
KINDS = [*OURS, "bidirectional"]
# Of the first sequence; the second is unmasked, the third masked as the first from behind.
MASKS = {"none": None, "right": "1100", "left": "0011", "gaps": "0101", "all": "0000"}
generator = np.random.default_rng(0)
INPUTS = generator.normal(size=(3, TIME, FEATURES)).astype("float32")
STATES = generator.normal(size=(4, 3, UNITS)).astype("float32")
TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}


@functools.cache
def pair(kind, inner="lstm", merge_mode="concat", **options):
    """Our layer and Keras's with the same random weights."""
    layers = []
    for classes, wrapper in ((OURS, Bidirectional), (THEIRS, keras.layers.Bidirectional)):
        if kind != "bidirectional":
            layers.append(classes[kind](UNITS, **options))
            continue
        forward = classes[inner](UNITS, **options)
        # A forward layer that goes backwards needs a backward one that does not.
        other = classes[inner](UNITS, **options | {"go_backwards": False})
        backward = {"backward_layer": other} if options.get("go_backwards") else {}
        layers.append(wrapper(forward, merge_mode, dtype=options.get("dtype"), **backward))
    for layer in layers:
        layer.build(INPUTS.shape)
    weights = np.random.default_rng(1)
    layers[1].set_weights([weights.normal(size=weight.shape) * 0.5 for weight in layers[1].get_weights()])
    layers[0].set_weights(layers[1].get_weights())
    return layers


def mask_of(name, batch=3):
    if MASKS[name] is None:
        return None
    first = [digit == "1" for digit in MASKS[name]]
    return np.array([first, [True] * TIME, first[::-1]])[:batch]


def states_of(kind, batch=3, inner="lstm"):
    count = {"lstm": 2, "gru": 1, "elman": 1}[inner if kind == "bidirectional" else kind]
    count *= 2 if kind == "bidirectional" else 1
    return [tf.constant(state[:batch]) for state in STATES[:count]]


def numbers_of(layer, inputs, states=None, mask=None, training=False):
    """All outputs, and the gradients of inputs, initial states and weights."""
    inputs = tf.convert_to_tensor(inputs)
    given = [inputs, *(states or [])]
    with tf.GradientTape() as tape:
        tape.watch(given)
        outputs = keras.tree.flatten(layer(inputs, initial_state=states, mask=mask, training=training))
        exact = [tf.cast(output, "float64") for output in outputs]
        loss = sum(tf.reduce_sum(tf.sin(output + number)) for number, output in enumerate(exact))
    sources = [*given, *[weight.value for weight in layer.trainable_weights]]
    return [*outputs, *tape.gradient(loss, sources, unconnected_gradients="zero")]


def check_same(found, expected, **tolerance):
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, **TOLERANCE | tolerance)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("given", [False, True], ids=["from zeros", "initial state"])
@pytest.mark.parametrize("go_backwards", [False, True], ids=["", "backwards"])
def test_outputs_and_gradients(kind, mask, given, go_backwards):
    ours, theirs = pair(kind, return_sequences=True, return_state=True, go_backwards=go_backwards)
    for batch in (1, 3):
        states = states_of(kind, batch) if given else None
        expected = numbers_of(theirs, INPUTS[:batch], states, mask_of(mask, batch))
        for training in (False, True):
            found = numbers_of(ours, INPUTS[:batch], states, mask_of(mask, batch), training)
            check_same(found, expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize(
    "options", [{}, {"zero_output_for_mask": True}, {"go_backwards": True}], ids=lambda names: " ".join(names)
)
def test_last_output(kind, mask, options):
    ours, theirs = pair(kind, **options)
    for states in (None, states_of(kind)):
        found, expected = (
            layer(INPUTS, initial_state=states, mask=mask_of(mask), training=True) for layer in (ours, theirs)
        )
        np.testing.assert_allclose(found, expected, **TOLERANCE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [
        {"use_bias": False},
        {"zero_output_for_mask": True},
        {"unroll": True},
        {"unroll": True, "go_backwards": True},
        {"dtype": "float64"},
        {"dtype": "float16"},
        {"dtype": "mixed_bfloat16"},
    ],
    ids=str,
)
def test_options(kind, options):
    inner = "gru" if kind == "bidirectional" else "lstm"
    ours, theirs = pair(kind, inner, return_sequences=True, **options)
    if "unroll" in options:  # Keras's unrolled layers take the mask of one direction for that of the other.
        _, theirs = pair(kind, inner, return_sequences=True, go_backwards=options.get("go_backwards", False))
    mask = mask_of("gaps")
    expected = numbers_of(theirs, INPUTS, mask=mask)
    exact = not {"float16", "mixed_bfloat16"} & set(options.values())
    tolerance = {} if exact else {"rtol": 0.05, "atol": 0.05}
    for training in (False, True):
        check_same(numbers_of(ours, INPUTS, mask=mask, training=training), expected, **tolerance)


@pytest.mark.parametrize("merge_mode", ["concat", "sum", "ave", "mul", None])
@pytest.mark.parametrize("return_sequences", [False, True], ids=["last", "sequences"])
def test_merge_modes(merge_mode, return_sequences):
    ours, theirs = pair("bidirectional", "gru", merge_mode, return_sequences=return_sequences)
    expected = numbers_of(theirs, INPUTS, mask=mask_of("right"))
    check_same(numbers_of(ours, INPUTS, mask=mask_of("right")), expected)
    shapes = ours.compute_output_shape(INPUTS.shape)
    assert shapes == theirs.compute_output_shape(INPUTS.shape)
    assert ours.from_config(ours.get_config()).merge_mode == merge_mode


@pytest.mark.parametrize("kind", KINDS)
def test_stateful(kind):
    ours, theirs = pair(kind, stateful=True)
    mask = mask_of("left")

    def run(layer):
        layer.reset_state()
        outputs = [layer(INPUTS, mask=mask), layer(INPUTS, mask=mask, training=True)]
        states = [state.numpy() for state in layer.states]
        layer.reset_state()
        return [*outputs, *states, layer(INPUTS)]

    check_same(run(ours), run(theirs))
    assert len(ours.weights) == len(theirs.weights)
    for layer in (ours, theirs):
        with pytest.raises(ValueError, match="batch size"):
            layer(INPUTS[:2])
        if kind == "bidirectional":
            continue
        with pytest.raises(ValueError, match="batch size must be static"):
            layer.from_config(layer.get_config()).build((None, TIME, FEATURES))


@pytest.mark.parametrize("kind", KINDS)
def test_regularizers_and_constraints(kind):
    options = {f"{part}_regularizer": "l2" for part in ("kernel", "recurrent", "bias")}
    if kind != "elman":  # Keras's SimpleRNN forgets it.
        options["activity_regularizer"] = "l2"
    count = len(options) * (2 if kind == "bidirectional" else 1)
    options |= {f"{part}_constraint": "non_neg" for part in ("kernel", "recurrent", "bias")}
    ours, theirs = pair(kind, return_sequences=True, **options)
    for layer in (ours, theirs):
        layer(INPUTS, training=True)
    losses, expected = (sorted(map(float, layer.losses)) for layer in (ours, theirs))
    assert len(losses) == count
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    trained = []
    for layer in (ours, theirs):
        copy = layer.from_config(layer.get_config())
        model = keras.Sequential([keras.Input(INPUTS.shape[1:]), copy])
        copy.set_weights(layer.get_weights())
        model.compile("sgd", "mse")
        model.train_on_batch(INPUTS, np.ones(copy(INPUTS).shape))
        assert all(np.all(weight >= 0) for weight in copy.get_weights())
        trained.append(copy.get_weights())
    check_same(*trained)


@pytest.mark.parametrize("kind", KINDS)
def test_sequences_without_steps(kind):
    # Keras's layers fail. The states stay; nothing has been read, so there is no output but them.
    ours, _ = pair(kind, return_sequences=True, return_state=True)
    weights = len(ours.trainable_weights)
    for batch in (1, 3):
        states = states_of(kind, batch)
        for training in (False, True):
            outputs, *rest = numbers_of(ours, INPUTS[:batch, :0], states, training=training)
            assert outputs.shape == (batch, 0, 2 * UNITS if kind == "bidirectional" else UNITS)
            check_same(rest[: len(states)], states)
            assert len(rest) == 2 * len(states) + 1 + weights
            assert np.any(rest[len(states) + 1] != 0)


@pytest.mark.parametrize("kind", KINDS)
def test_any_number_of_sequences_and_steps(kind):
    ours, theirs = pair(kind, return_sequences=True, return_state=True)
    signature = [tf.TensorSpec([None, None, FEATURES]), tf.TensorSpec([None, None], tf.bool)]

    def traced(layer, training):
        return tf.function(
            lambda inputs, mask: numbers_of(layer, inputs, mask=mask, training=training),
            input_signature=signature,
        )

    expected = {batch: numbers_of(theirs, INPUTS[:batch], mask=mask_of("gaps", batch)) for batch in (1, 3)}
    for training in (False, True):
        run = traced(ours, training)
        for batch in (1, 3):
            check_same(run(INPUTS[:batch], mask_of("gaps", batch)), expected[batch])
        assert run(INPUTS[:, :0], np.ones((3, 0), bool))[0].shape[:2] == (3, 0)


@pytest.mark.parametrize(("kind", "batch"), [("lstm", 1), ("lstm", 3), ("gru", 3)])
def test_second_derivatives(kind, batch):
    ours, theirs = pair(kind)
    inputs = tf.constant(INPUTS[:batch])

    def penalty(layer, training):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(inputs)
                loss = tf.reduce_sum(layer(inputs, training=training) ** 2)
            norm = tf.reduce_sum(inner.gradient(loss, inputs) ** 2)
        return outer.gradient(norm, [weight.value for weight in layer.trainable_weights])

    expected = penalty(theirs, False)
    for training in (False, True):
        check_same(tf.function(penalty)(ours, training), expected)


XLA = [("lstm", True, 3), ("lstm", False, 1), ("gru", True, 3)]


@pytest.mark.parametrize(("kind", "training", "batch"), XLA)
def test_xla_compiles_training_and_inference(kind, training, batch):
    ours, theirs = pair(kind)
    run = tf.function(functools.partial(ours, training=training), jit_compile=True)
    np.testing.assert_allclose(run(INPUTS[:batch]), theirs(INPUTS[:batch]), **TOLERANCE)


def model_of(layer):
    inputs = keras.Input(INPUTS.shape[1:])
    return keras.Model(inputs, layer(inputs))


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_cloned(kind, tmp_path):
    options = {"return_sequences": True, "dropout": 0.1, "kernel_regularizer": "l2", "trainable": False}
    model = model_of(pair(kind, **options)[0])
    model.save(tmp_path / "model.keras")
    copies = [keras.models.load_model(tmp_path / "model.keras"), keras.models.clone_model(model)]
    copies[1].set_weights(model.get_weights())
    for copy in copies:
        np.testing.assert_array_equal(copy(INPUTS), model(INPUTS))
        assert len(copy.trainable_weights) == len(model.trainable_weights) == 0
        assert copy.layers[1].get_config().keys() == model.layers[1].get_config().keys()


@pytest.mark.parametrize("kind", KINDS)
def test_weights_and_configurations_of_keras_load(kind, tmp_path):
    _, theirs = pair(kind, inner="elman", return_sequences=True)
    model_of(theirs).save_weights(tmp_path / "theirs.weights.h5")
    ours, _ = pair(kind, inner="elman", return_sequences=True)
    copy = model_of(ours.from_config(ours.get_config()))
    copy.load_weights(tmp_path / "theirs.weights.h5")
    np.testing.assert_allclose(copy(INPUTS), theirs(INPUTS), **TOLERANCE)
    if kind != "bidirectional":
        again = type(ours).from_config(theirs.get_config() | {"implementation": 2})
        assert again.compute_output_shape((1, 2, 3)) == theirs.compute_output_shape((1, 2, 3))
    copy.save_weights(tmp_path / "ours.weights.h5")
    other = model_of(ours.from_config(ours.get_config()))
    other.load_weights(tmp_path / "ours.weights.h5")
    np.testing.assert_array_equal(other(INPUTS), copy(INPUTS))
    with pytest.raises(ValueError, match="could not be loaded"):
        model_of(LSTM(UNITS + 1)).load_weights(tmp_path / "ours.weights.h5")


@pytest.mark.parametrize("inner", OURS)
@pytest.mark.parametrize("return_state", [False, True])
def test_either_kind_of_layer_in_either_wrapper(inner, return_state):
    _, expected = pair("bidirectional", inner, return_sequences=True, return_state=return_state)
    states = states_of("bidirectional", inner=inner)
    numbers = numbers_of(expected, INPUTS, states, mask_of("gaps"))
    for wrapper, classes in ((Bidirectional, THEIRS), (keras.layers.Bidirectional, OURS)):
        layer = wrapper(classes[inner](UNITS, return_sequences=True, return_state=return_state))
        layer.build(INPUTS.shape)
        layer.set_weights(expected.get_weights())
        check_same(numbers_of(layer, INPUTS, states, mask_of("gaps"), training=True), numbers)
        copy = wrapper.from_config(layer.get_config())
        assert copy.compute_output_shape(INPUTS.shape) == expected.compute_output_shape(INPUTS.shape)


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_ranks_are_refused_as_keras_does(kind):
    for layer in pair(kind):
        with pytest.raises(ValueError, match="expected ndim=3, found ndim=2"):
            layer(INPUTS[0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_for_all_sequences(kind):
    ours, theirs = pair(kind)
    states = states_of(kind, batch=1)
    np.testing.assert_allclose(
        ours(INPUTS, initial_state=states, training=True), theirs(INPUTS, initial_state=states), **TOLERANCE
    )
    with pytest.raises(ValueError, match="initial_state must have the shapes"):
        ours(INPUTS, initial_state=[*states, states[0]])
    with pytest.raises(ValueError, match="initial_state must have the shapes"):
        ours(INPUTS, initial_state=[state[:, :1] for state in states])


def test_a_wrapper_keeps_nothing_of_the_layer_that_it_copies():
    layer = LSTM(UNITS, kernel_initializer="ones")
    first, second = Bidirectional(layer), Bidirectional(layer)
    for wrapper in (first, second):
        wrapper.build(INPUTS.shape)
    assert not layer.built
    assert first.forward_layer.kernel is not second.forward_layer.kernel
    config = first.get_config()
    before = config.copy()
    Bidirectional.from_config(config)
    assert config == before


def test_a_configuration_with_the_earlier_name_of_the_merge_mode():
    config = Bidirectional(LSTM(UNITS)).get_config()
    earlier = {name: config[name] for name in ("name", "trainable", "dtype", "layer", "sharing")}
    assert Bidirectional.from_config(earlier | {"merge": "sum"}).merge_mode == "sum"
