"""What the model sees of each picture, computed once: pixels, or features of a frozen encoder."""

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

# Pictures that go through the encoder at once.
IMAGES_AT_ONCE = 64
# Features are stored in half precision: the noise is below that of the JPEG.
STORED_AS = np.float16
# To be raised when the same encoder comes to give other features: stored ones are then computed again.
FEATURES_VERSION = 1


def images_of(source: Source, split: str) -> tf.data.Dataset:
    """The files () of a split's pictures, in its order."""
    return source.dataset(split).map(lambda example: example["picture"])


def pixels(preprocessing: CaptioningPreprocessing, pictures: tf.data.Dataset) -> tf.data.Dataset:
    """Files () to batches of pixels (batch, size, size, 3) uint8.

    Files that were read once when the data was prepared: a broken one raises.
    """
    batches = pictures.batch(IMAGES_AT_ONCE)
    return batches.map(
        lambda files: preprocessing.picture(files)[0], num_parallel_calls=2, deterministic=True
    )


def keep_pixels(source: Source, preprocessing: CaptioningPreprocessing, split: str, path: Path) -> np.ndarray:
    """Write the pixels of a split to a file and open it: (pictures, size, size, 3) uint8."""
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
    """Compute a frozen encoder's features of a split, unless that was done before, and open their file.

    The file is below the data folder, under a name that is made of the data, the encoder with its weights,
    and how pictures become pixels.

    Args:
        settings: how pictures become pixels.
        source: the data.
        preprocessing: from files to pixels.
        split: of the data.
        encoder: the frozen one.
        mirrored: whether the pictures are.

    Returns:
        (pictures, regions, features), mapped from the file.
    """
    weights = hashlib.sha256()
    for array in encoder.get_weights():
        weights.update(array.tobytes())
    rows, columns = encoder.grid(settings.picture.size)
    shape = (source.counts[split], rows * columns, encoder.features)
    of_encoder = [encoder.kind, encoder.hypercolumns, weights.hexdigest(), encoder.dtype_policy.name]
    seen = [FEATURES_VERSION, shape, *of_encoder, settings.picture.model_dump()]
    identity = [source.fingerprint, *seen, *(["mirrored"] if mirrored else [])]
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24]
    path = data_directory() / "features" / f"{source.name.replace('/', '_')}_{split}_{key}.npy"
    if not path.is_file():
        what = f"{split}, mirrored" if mirrored else split
        announce(f"Computing the features of {shape[0]:,} pictures ({what}); kept in {path.parent}")
    batches = pixels(preprocessing, images_of(source, split))
    if mirrored:
        batches = batches.map(lambda batch: tf.reverse(batch, [2]))
    return _stored(path, features(encoder, batches), shape, np.dtype(STORED_AS))


def features(encoder: ImageEncoder, batches: tf.data.Dataset) -> Iterator[np.ndarray]:
    """Batches of pixels to batches of features (batch, regions, features), as they are stored."""
    encode = tf.function(
        lambda batch: tf.cast(encoder(batch), STORED_AS),
        input_signature=[batches.element_spec],
        autograph=False,
    )
    for batch in batches.prefetch(2):
        yield encode(batch).numpy()


def _stored(path: Path, batches: Iterator[np.ndarray], shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Write batches one after the other to a file, unless it is there, and map it."""
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
    """Captions of one split in batches of like length, each with what the model sees of its picture.

    Attributes:
        lengths: (captions,) steps of each.
    """

    def __init__(
        self,
        captions: SequenceBatches,
        table: np.ndarray,
        mirrored: np.ndarray | None = None,
        augmentation: AugmentationSettings | None = None,
    ) -> None:
        """Join captions and pictures.

        Args:
            captions: as `CaptioningPreprocessing.examples`.
            table: (pictures, ...), features or pixels.
            mirrored: like `table`, features of the mirrored pictures, which half of the captions of an epoch
                are given in training.
            augmentation: how pixels are changed in training; None for features.
        """
        self.captions = captions
        self.table = table
        self.mirrored = mirrored
        self.augmentation = augmentation
        self.lengths = captions.lengths

    def training_batches(
        self, buckets: LengthBuckets, epoch: tf.Variable, seed: int, shuffle_buffer: int
    ) -> tf.data.Dataset:
        """Batches in a new order each epoch, and changed anew, both drawn from `seed` and `epoch`."""

        def changed(
            number: tf.Tensor, batch: tuple[dict[str, tf.Tensor], tf.Tensor]
        ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            # 1,000,003 is prime: runs with neighbouring seeds do not share epochs' changes.
            drawn = tf.stack([seed * 1_000_003 + epoch.read_value(), number])
            if self.mirrored is not None:
                chances = tf.random.stateless_uniform(tf.shape(batch[0]["picture"]), drawn)
                return self._joined(*batch, chances < 0.5)
            inputs, targets = self._joined(*batch)
            if self.augmentation is not None:
                inputs |= {"pixels": augmented(inputs["pixels"], self.augmentation, drawn)}
            return inputs, targets

        batches = self.captions.training_batches(buckets, epoch, seed, shuffle_buffer).enumerate()
        return batches.map(changed, num_parallel_calls=2, deterministic=True).prefetch(2)

    def scoring_batches(self, buckets: LengthBuckets) -> tf.data.Dataset:
        """Batches of every caption, in a fixed order."""
        return self.captions.scoring_batches(buckets).map(self._joined).prefetch(2)

    def _joined(
        self, inputs: dict[str, tf.Tensor], targets: tf.Tensor, mirror: tf.Tensor | None = None
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Put what is seen of the pictures beside their positions (batch,), mirrored where `mirror` is."""
        if mirror is None:
            mirror = tf.zeros_like(inputs["picture"], tf.bool)
        seen = tf.numpy_function(self._rows, [inputs["picture"], mirror], self.table.dtype)
        seen = tf.ensure_shape(seen, [None, *self.table.shape[1:]])
        return {input_name(self.table): seen, **inputs}, targets

    def _rows(self, positions: np.ndarray, mirror: np.ndarray) -> np.ndarray:
        rows = self.table[positions]
        if mirror.any():
            rows[mirror] = self.mirrored[positions[mirror]]
        return rows


def input_name(table: np.ndarray) -> str:
    """What the model calls the rows of a table: `pixels` (pictures, size, size, 3), or `features`."""
    return "pixels" if table.ndim == 4 else "features"


def augmented(pictures: tf.Tensor, settings: AugmentationSettings, seed: tf.Tensor) -> tf.Tensor:
    """Change pixels (batch, size, size, 3) uint8, each picture another way.

    Args:
        pictures: the pixels.
        settings: how much.
        seed: (2,) whole numbers; the same seed changes them the same way.
    """
    seeds = tf.random.experimental.stateless_split(seed, 4)
    count, size = tf.shape(pictures)[0], pictures.shape[1]
    changed = tf.cast(pictures, tf.float32)
    if settings.flip:
        mirrored = tf.random.stateless_uniform([count, 1, 1, 1], seeds[0]) < 0.5
        changed = tf.where(mirrored, tf.reverse(changed, [2]), changed)
    if settings.shift > 0:
        most = int(settings.shift * size)
        moves = tf.random.stateless_uniform([count, 2], seeds[1], -most, most + 1, tf.int32)
        # What is moved in from outside goes on as the edge does.
        positions = tf.range(size) + moves[:, :, tf.newaxis]  # (batch, 2, size)
        positions = tf.clip_by_value(positions, 0, size - 1)
        changed = tf.gather(changed, positions[:, 0], axis=1, batch_dims=1)
        changed = tf.gather(changed, positions[:, 1], axis=2, batch_dims=1)
    if settings.contrast > 0:
        factors = 1 + tf.random.stateless_uniform([count, 1, 1, 1], seeds[2], -1, 1) * settings.contrast
        middle = tf.reduce_mean(changed, axis=[1, 2, 3], keepdims=True)
        changed = middle + (changed - middle) * factors
    if settings.brightness > 0:
        changed += 255 * settings.brightness * tf.random.stateless_uniform([count, 1, 1, 1], seeds[3], -1, 1)
    return tf.cast(tf.round(tf.clip_by_value(changed, 0, 255)), tf.uint8)
