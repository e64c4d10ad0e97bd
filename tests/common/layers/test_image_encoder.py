import keras
import numpy as np
import pytest
import tensorflow as tf

from common.errors import UserError
from common.layers.image_encoder import ImageEncoder, encoder_names

IMAGES = np.random.default_rng(0).uniform(0, 255, (2, 64, 96, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def encoder():
    keras.utils.set_random_seed(1)
    return ImageEncoder("small_cnn")


def test_shapes_and_grid(encoder):
    assert encoder(IMAGES).shape == (2, 4 * 6, 256) == encoder.compute_output_shape(IMAGES.shape)
    assert encoder.grid(64) == (4, 4)
    assert encoder.grid(50) == (4, 4)
    assert encoder.compute_output_shape((None, None, None, 3)) == (None, None, 256)


def test_hypercolumns_are_several_maps_on_the_last_grid(encoder):
    columns = ImageEncoder("small_cnn", hypercolumns=True)
    columns.set_weights(encoder.get_weights())
    found = columns(IMAGES)
    assert found.shape == (2, 4 * 6, 128 + 256) == columns.compute_output_shape(IMAGES.shape)
    assert columns.grid(64) == (4, 4)
    np.testing.assert_allclose(found[..., -256:], encoder(IMAGES), rtol=1e-5, atol=1e-6)
    finer = columns.network(IMAGES / 127.5 - 1.0)[0].numpy()  # (2, 8, 12, 128)
    means = finer.reshape(2, 4, 2, 6, 2, 128).mean(axis=(2, 4)).reshape(2, 24, 128)
    np.testing.assert_allclose(found[..., :128], means, rtol=1e-5, atol=1e-6)


def test_cells_with_a_border_inside_a_position_share_it():
    """7 by 7 positions in 4 by 4 cells: all positions have the same weight in the mean over all cells."""
    columns = ImageEncoder("small_cnn", hypercolumns=True)
    pictures = IMAGES[:, :50, :50]
    finer = columns.network(pictures / 127.5 - 1.0)[0]
    assert finer.shape == (2, 7, 7, 128)
    found = columns(pictures)[..., :128]
    np.testing.assert_allclose(np.mean(found, axis=1), np.mean(finer, axis=(1, 2)), rtol=1e-4, atol=1e-5)


def test_xla_compiles_hypercolumns():
    columns = ImageEncoder("small_cnn", hypercolumns=True)
    compiled = tf.function(columns, jit_compile=True)(tf.constant(IMAGES))
    np.testing.assert_allclose(compiled, columns(IMAGES), rtol=1e-4, atol=1e-4)


def test_maps_of_efficientnet():
    encoder = ImageEncoder("efficientnet_lite0", hypercolumns=True)
    assert encoder.grid(96) == (3, 3)
    found, maps = encoder(IMAGES), encoder.network((IMAGES - 127.0) / 128.0)
    assert [one.shape[1:] for one in maps] == [
        (8, 12, 40), (4, 6, 80), (4, 6, 112), (2, 3, 192), (2, 3, 1280),
    ]  # fmt: skip
    assert found.shape == (2, 6, 1704) == encoder.compute_output_shape(IMAGES.shape)
    np.testing.assert_allclose(found[:, :, 232:424], np.reshape(maps[3], (2, 6, 192)), rtol=1e-4, atol=1e-4)


def test_hypercolumns_keep_the_position_of_fine_details():
    columns = ImageEncoder("small_cnn", hypercolumns=True)
    changed = IMAGES[:1].copy()
    changed[0, 20:28, 68:76] = 0.0  # Inside the fifth region of the second row.
    difference = np.abs(columns(changed) - columns(IMAGES[:1]))[0, :, :128].sum(axis=-1)
    assert difference.argmax() == 1 * 6 + 4


def test_regions_are_ordered_row_by_row(encoder):
    changed = IMAGES[:1].copy()
    changed[0, :16, -16:] = 0.0  # The last region of the first row.
    difference = np.abs(encoder(changed) - encoder(IMAGES[:1]))[0].sum(axis=-1).reshape(4, 6)
    assert difference.argmax() == 5
    assert difference[3, 0] == 0


@pytest.mark.parametrize("hypercolumns", [False, True])
def test_serialised_saved_and_frozen(hypercolumns, tmp_path):
    encoder = ImageEncoder("small_cnn", hypercolumns)
    copy = ImageEncoder.from_config(encoder.get_config())
    copy.set_weights(encoder.get_weights())
    np.testing.assert_array_equal(copy(IMAGES), encoder(IMAGES))
    model = keras.Sequential([keras.Input((64, 96, 3)), encoder])
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(IMAGES), encoder(IMAGES))
    assert len(encoder.trainable_weights) == 8 * 3
    assert not ImageEncoder("small_cnn", trainable=False).trainable_weights


@pytest.mark.parametrize("hypercolumns", [False, True])
def test_mixed_precision(hypercolumns):
    encoder = ImageEncoder("small_cnn", hypercolumns, dtype="mixed_bfloat16")
    assert keras.backend.standardize_dtype(encoder(IMAGES).dtype) == "bfloat16"


@pytest.mark.parametrize("keep_statistics", [False, True])
def test_statistics_are_updated_or_frozen(keep_statistics):
    encoder = ImageEncoder("small_cnn", keep_statistics=keep_statistics)
    statistics = [weight for weight in encoder.weights if "moving_mean" in weight.path]
    before = [weight.numpy().copy() for weight in statistics]
    encoder(IMAGES, training=True)
    same = [np.array_equal(old, new.numpy()) for old, new in zip(before, statistics, strict=True)]
    assert same == [keep_statistics] * len(statistics)
    assert encoder.get_config()["keep_statistics"] == keep_statistics


def test_unknown_kinds_and_missing_weights(encoder):
    with pytest.raises(UserError, match=r"Unknown image encoder 'MobilNetV2'. Did you mean 'MobileNetV2'"):
        ImageEncoder("MobilNetV2")
    with pytest.raises(UserError, match="no ImageNet weights for small_cnn"):
        encoder.load_pretrained()
    assert {"small_cnn", "efficientnet_lite0", "ResNet50"} <= set(encoder_names())


@pytest.mark.slow
def test_a_network_of_keras():
    encoder = ImageEncoder("MobileNetV2")
    assert encoder(IMAGES).shape == (2, 2 * 3, 1280)
    copy = ImageEncoder.from_config(encoder.get_config() | {"hypercolumns": True})
    copy.set_weights(encoder.get_weights())
    # Expansions in the blocks that halve maps of strides 8 and 16.
    found = copy(IMAGES)
    assert found.shape == (2, 2 * 3, 192 + 576 + 1280)
    np.testing.assert_allclose(found[..., -1280:], encoder(IMAGES), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_sizes_that_a_network_does_not_accept():
    for kind, size in (("InceptionV3", 64), ("NASNetMobile", 192)):
        with pytest.raises(UserError, match=f"{kind} does not accept pictures of {size} by {size} pixels"):
            ImageEncoder(kind).grid(size)
    encoder = ImageEncoder("NASNetMobile", hypercolumns=True)
    assert encoder.grid(224) == (7, 7)
    assert encoder.features > 1056
