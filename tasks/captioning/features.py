"""The model's image inputs, computed once: pixels, or features of a frozen encoder."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from common.console import announce
from common.data.batching import LengthBuckets, SequenceBatches
from common.data.information import data_directory
from common.data.source import Source
from common.files import whole_file
from common.layers.image_encoder import ImageEncoder
from tasks.captioning.config import AugmentationSettings, CaptioningSettings
from tasks.captioning.preprocessing import CaptioningPreprocessing

# Batch size of the encoder.
IMAGES_AT_ONCE = 64
# Features are stored in half precision; the rounding error is below the noise of JPEG.
STORED_AS = np.float16
# Increment it if the same encoder computes different features, so that cached ones are computed again.
FEATURES_VERSION = 1


def images_of(source: Source, split: str) -> tf.data.Dataset:
    """Return the contents () of a split's image files, in order."""
    return source.dataset(split).map(lambda example: example["picture"])


def pixels(preprocessing: CaptioningPreprocessing, images: tf.data.Dataset) -> tf.data.Dataset:
    """Convert contents of files () to batches of pixels (batch, size, size, 3) uint8.

    The files were checked when the data was prepared; a broken one raises an error.
    """
    batches = images.batch(IMAGES_AT_ONCE)
    return batches.map(
        lambda files: preprocessing.picture(files)[0], num_parallel_calls=2, deterministic=True
    )


def keep_pixels(source: Source, preprocessing: CaptioningPreprocessing, split: str, path: Path) -> np.ndarray:
    """Write the pixels of a split to a file and memory-map it: (images, size, size, 3) uint8."""
    batches = pixels(preprocessing, images_of(source, split)).as_numpy_iterator()
    size = preprocessing.picture.settings.size
    return _stored(path, batches, (source.counts[split], size, size, 3), np.dtype(np.uint8))


def keep_features(
    settings: CaptioningSettings,
    source: Source,
    preprocessing: CaptioningPreprocessing,
    split: str,
    encoder: ImageEncoder,
    mirrored: bool = False,
) -> np.ndarray:
    """Compute a frozen encoder's features for a split, unless they are cached, and memory-map their file.

    The file is in the data folder; its name is a fingerprint of the data, the encoder with its weights, and
    the settings of the images.

    Args:
        settings: of the run.
        source: the data.
        preprocessing: decodes the files.
        split: of the data.
        encoder: the frozen encoder.
        mirrored: whether to mirror the images.

    Returns:
        (images, regions, features), memory-mapped.
    """
    weights = hashlib.sha256()
    for array in encoder.get_weights():
        weights.update(array.tobytes())
    rows, columns = encoder.grid(settings.picture.size)
    shape = (source.counts[split], rows * columns, encoder.features)
    of_encoder = [encoder.kind, encoder.hypercolumns, weights.hexdigest(), encoder.dtype_policy.name]
    of_features = [FEATURES_VERSION, shape, *of_encoder, settings.picture.model_dump()]
    identity = [source.fingerprint, *of_features, *(["mirrored"] if mirrored else [])]
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24]
    path = data_directory() / "features" / f"{source.name.replace('/', '_')}_{split}_{key}.npy"
    if not path.is_file():
        what = f"{split}, mirrored" if mirrored else split
        announce(f"Computing the features of {shape[0]:,} pictures ({what}), to be cached in {path.parent}")
    batches = pixels(preprocessing, images_of(source, split))
    if mirrored:
        batches = batches.map(lambda batch: tf.reverse(batch, [2]))
    return _stored(path, features(encoder, batches), shape, np.dtype(STORED_AS))


def features(encoder: ImageEncoder, batches: tf.data.Dataset) -> Iterator[np.ndarray]:
    """Encode batches of pixels as batches of features (batch, regions, features), in the stored precision."""
    encode = tf.function(
        lambda batch: tf.cast(encoder(batch), STORED_AS),
        input_signature=[batches.element_spec],
        autograph=False,
    )
    for batch in batches.prefetch(2):
        yield encode(batch).numpy()


def _stored(path: Path, batches: Iterator[np.ndarray], shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Write batches to a file, unless it exists, and memory-map it."""
    if not path.is_file():
        with whole_file(path) as temporary:
            table = np.lib.format.open_memmap(temporary, "w+", dtype, shape)
            start = 0
            for batch in batches:
                table[start : start + len(batch)] = batch
                start += len(batch)
            table.flush()
    return np.load(path, mmap_mode="r")


class CaptionBatches:
    """Captions of one split in batches of similar lengths, each with its image's pixels or features.

    Attributes:
        lengths: (captions,) number of steps of each caption.
    """

    def __init__(
        self,
        captions: SequenceBatches,
        table: np.ndarray,
        mirrored: np.ndarray | None = None,
        augmentation: AugmentationSettings | None = None,
    ) -> None:
        """Join captions and images.

        Args:
            captions: batches of `CaptioningPreprocessing.examples`.
            table: (images, ...), features or pixels.
            mirrored: like `table`, features of the mirrored images, used for half of the captions of an epoch
                in training.
            augmentation: of pixels in training; None for features.
        """
        self.captions = captions
        self.table = table
        self.mirrored = mirrored
        self.augmentation = augmentation
        self.lengths = captions.lengths

    def training_batches(
        self, buckets: LengthBuckets, epoch: tf.Variable, seed: int, shuffle_buffer: int
    ) -> tf.data.Dataset:
        """Batches in a new order and with new augmentation each epoch; both depend on `seed` and `epoch`."""

        def augment(
            number: tf.Tensor, batch: tuple[dict[str, tf.Tensor], tf.Tensor]
        ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            # 1,000,003 is prime: runs with neighbouring seeds do not share epochs' augmentation.
            batch_seed = tf.stack([seed * 1_000_003 + epoch.read_value(), number])
            if self.mirrored is not None:
                chances = tf.random.stateless_uniform(tf.shape(batch[0]["picture"]), batch_seed)
                return self._joined(*batch, chances < 0.5)
            inputs, targets = self._joined(*batch)
            if self.augmentation is not None:
                inputs |= {"pixels": augmented(inputs["pixels"], self.augmentation, batch_seed)}
            return inputs, targets

        batches = self.captions.training_batches(buckets, epoch, seed, shuffle_buffer).enumerate()
        return batches.map(augment, num_parallel_calls=2, deterministic=True).prefetch(2)

    def scoring_batches(self, buckets: LengthBuckets) -> tf.data.Dataset:
        """Batches of every caption, in a fixed order."""
        return self.captions.scoring_batches(buckets).map(self._joined).prefetch(2)

    def _joined(
        self, inputs: dict[str, tf.Tensor], targets: tf.Tensor, mirror: tf.Tensor | None = None
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Add the images' pixels or features to their indices (batch,), mirrored where `mirror` is true."""
        if mirror is None:
            mirror = tf.zeros_like(inputs["picture"], tf.bool)
        rows = tf.numpy_function(self._rows, [inputs["picture"], mirror], self.table.dtype)
        rows = tf.ensure_shape(rows, [None, *self.table.shape[1:]])
        return {input_name(self.table): rows, **inputs}, targets

    def _rows(self, indices: np.ndarray, mirror: np.ndarray) -> np.ndarray:
        rows = self.table[indices]
        if mirror.any():
            rows[mirror] = self.mirrored[indices[mirror]]
        return rows


def input_name(table: np.ndarray) -> str:
    """Name of the model's input for the rows of a table: `pixels` (images, size, size, 3), or `features`."""
    return "pixels" if table.ndim == 4 else "features"


def augmented(images: tf.Tensor, settings: AugmentationSettings, seed: tf.Tensor) -> tf.Tensor:
    """Augment images (batch, size, size, 3) uint8, each independently.

    Args:
        images: the pixels.
        settings: ranges of the changes.
        seed: (2,) integers; the same seed gives the same changes.
    """
    seeds = tf.random.experimental.stateless_split(seed, 4)
    count, size = tf.shape(images)[0], images.shape[1]
    changed = tf.cast(images, tf.float32)
    if settings.flip:
        mirrored = tf.random.stateless_uniform([count, 1, 1, 1], seeds[0]) < 0.5
        changed = tf.where(mirrored, tf.reverse(changed, [2]), changed)
    if settings.shift > 0:
        limit = int(settings.shift * size)
        shifts = tf.random.stateless_uniform([count, 2], seeds[1], -limit, limit + 1, tf.int32)
        # Pixels from outside the image repeat those at the edge.
        positions = tf.range(size) + shifts[:, :, tf.newaxis]  # (batch, 2, size)
        positions = tf.clip_by_value(positions, 0, size - 1)
        changed = tf.gather(changed, positions[:, 0], axis=1, batch_dims=1)
        changed = tf.gather(changed, positions[:, 1], axis=2, batch_dims=1)
    if settings.contrast > 0:
        factors = 1 + tf.random.stateless_uniform([count, 1, 1, 1], seeds[2], -1, 1) * settings.contrast
        means = tf.reduce_mean(changed, axis=[1, 2, 3], keepdims=True)
        changed = means + (changed - means) * factors
    if settings.brightness > 0:
        changed += 255 * settings.brightness * tf.random.stateless_uniform([count, 1, 1, 1], seeds[3], -1, 1)
    return tf.cast(tf.round(tf.clip_by_value(changed, 0, 255)), tf.uint8)
