import numpy as np
import pytest
import tensorflow as tf
from support.image_case import write_images

from common.config import load_settings
from common.contract.find import TASKS_FOLDER
from common.data.batching import SequenceBatches, choose_buckets
from common.data.source import open_source
from common.layers.image_encoder import ImageEncoder
from tasks.captioning.config import CaptioningSettings
from tasks.captioning.data import OwnPictures
from tasks.captioning.features import CaptionBatches, keep_features, keep_pixels
from tasks.captioning.preprocessing import CaptioningPreprocessing

COUNT = 400


@pytest.fixture
def captions(tmp_path):
    """Captions of as many pictures, one of each."""

    def example(place):
        steps = tf.ones([3], tf.int32)
        return {"picture": place, "written": steps}, steps

    return SequenceBatches(
        tf.data.Dataset.range(COUNT).map(example),
        tmp_path / "cache",
        length=lambda inputs, targets: tf.shape(targets)[0],
        pad_to_boundary=False,
    )


def test_half_of_the_captions_see_mirrored_pictures_in_training_alone(captions):
    table = np.arange(COUNT, dtype=np.float16)[:, np.newaxis, np.newaxis]
    batches = CaptionBatches(captions, table, mirrored=table + 1000)
    buckets = choose_buckets(batches.lengths, 1, 96)
    epoch = tf.Variable(0, dtype=tf.int64)

    def mirrored(dataset):
        found = np.zeros(COUNT, bool)
        for inputs, _ in dataset.as_numpy_iterator():
            seen, places = inputs["features"][:, 0, 0], inputs["picture"]
            np.testing.assert_array_equal(seen % 1000, places)
            found[places] = seen >= 1000
        return found

    training = batches.training_batches(buckets, epoch, seed=1, shuffle_buffer=COUNT)
    first, again = mirrored(training), mirrored(training)
    np.testing.assert_array_equal(first, again)
    assert 0.4 < first.mean() < 0.6
    epoch.assign(1)
    assert (mirrored(training) != first).mean() > 0.3
    assert not mirrored(batches.scoring_batches(buckets)).any()


def test_features_of_mirrored_pictures(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    values = {"data.file": str(write_images(tmp_path / "pictures", 20)), "picture.size": 32}
    settings = load_settings(CaptioningSettings, TASKS_FOLDER / "captioning", "default", values)
    source = open_source(OwnPictures.from_settings(settings))
    seen = settings, source, CaptioningPreprocessing.learn(settings, source), "train"
    encoder = ImageEncoder("small_cnn", trainable=False)
    usual, mirrored = keep_features(*seen, encoder), keep_features(*seen, encoder, mirrored=True)
    pixels = keep_pixels(*seen[1:], tmp_path / "pixels.npy").astype(np.float32)
    np.testing.assert_allclose(usual, encoder(pixels), rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(mirrored, encoder(pixels[:, :, ::-1]), rtol=2e-3, atol=1e-6)
    assert np.abs(usual - mirrored).max() > 0.1 * usual.max()
