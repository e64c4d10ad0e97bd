"""Preprocessing of images and captions: pixels, and pieces learned from the training split."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from common.contract.preprocessing import Preprocessing
from common.data.source import Source
from common.errors import UserError
from common.files import whole_file
from common.inputs.images import ImagePreprocessor
from common.inputs.subwords import SubwordText
from common.kinds.writing.teacher_forcing import teacher_forced
from tasks.captioning.config import CaptioningSettings, CaptionTextSettings

# Batch size of the preprocessing of captions.
IMAGES_AT_ONCE = 256

PIECES_FILE = "pieces.tsv"
CAPTIONS_FILE = "caption_fingerprints.npy"

_PUNCTUATION = r"[^\p{L}\p{M}\p{N}\s'\x{2019}-]+"
# Apostrophes and hyphens are only kept inside words.
_LOOSE_PUNCTUATION = r"(^|\s)['\x{2019}-]+|['\x{2019}-]+(\s|$)"
# Number of buckets of the hash of captions.
_FINGERPRINTS = 2**62


class CaptioningPreprocessing(Preprocessing):
    """Converts images to pixels, and captions to indices of pieces.

    Attributes:
        picture: preprocessor of image files.
        text: pieces of the captions.
        fingerprints: (captions,) int64, sorted hashes of the distinct training captions, to recognise
            memorised captions.
        labels: empty; captions have no classes.
    """

    def __init__(
        self,
        picture: ImagePreprocessor,
        text: SubwordText,
        settings: CaptionTextSettings,
        fingerprints: np.ndarray,
    ) -> None:
        super().__init__(name="captioning_preprocessing")
        self.picture = picture
        self.text = text
        self.settings = settings
        self.fingerprints = fingerprints
        self.labels: list[str] = []

    @classmethod
    def learn(cls, settings: CaptioningSettings, source: Source) -> "CaptioningPreprocessing":
        """Learn the pieces from the captions of the training split alone."""
        captions = (
            source.dataset("train")
            .flat_map(lambda example: tf.data.Dataset.from_tensor_slices(example["captions"]))
            .batch(IMAGES_AT_ONCE)
        )
        text = SubwordText.learn(captions.map(lambda batch: cleaned(batch, settings.text)), settings.text)
        learned = cls(ImagePreprocessor(settings.picture), text, settings.text, np.zeros([0], np.int64))
        fingerprints = [
            batch.numpy() for batch in captions.map(lambda batch: learned.fingerprint(learned.plain(batch)))
        ]
        learned.fingerprints = np.unique(np.concatenate(fingerprints))
        return learned

    def plain(self, captions: tf.Tensor) -> tf.Tensor:
        """Normalise captions (batch,) like the model's output, keeping unknown words."""
        return self.text.texts(self.text.pieces(cleaned(captions, self.settings)).to_tensor(""))

    @staticmethod
    def fingerprint(captions: tf.Tensor) -> tf.Tensor:
        """Hash plain captions of any shape to int64."""
        return tf.strings.to_hash_bucket_fast(captions, _FINGERPRINTS)

    def is_known(self, captions: tf.Tensor) -> tf.Tensor:
        """Return whether plain captions (batch,) occur among the training captions, (batch,)."""
        fingerprints = self.fingerprint(captions)
        known = tf.constant(self.fingerprints)
        positions = tf.minimum(tf.searchsorted(known, fingerprints), tf.size(known) - 1)
        return tf.equal(tf.gather(known, positions), fingerprints)

    def examples(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Convert raw examples to ({"picture": (), "written": (steps,)}, (steps,)), one for each caption.

        `picture` is the index of the image in its split, int64. `written` is the previous piece of each step,
        the targets are the next pieces; both int32.
        """

        def of_one_image(position: tf.Tensor, example: dict[str, tf.Tensor]) -> tf.data.Dataset:
            captions = self.text(cleaned(example["captions"], self.settings))  # (captions, pieces)
            written, targets = teacher_forced(captions)
            inputs = {"picture": tf.repeat(position, captions.nrows()), "written": written}
            return tf.data.Dataset.from_tensor_slices((inputs, targets))

        def to_tensors(
            inputs: dict[str, tf.Tensor], targets: tf.Tensor
        ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            # A row of a ragged tensor is a dense tensor, which its type does not say yet.
            written = tf.ensure_shape(inputs["written"], [None])
            return inputs | {"written": written}, tf.ensure_shape(targets, [None])

        return dataset.enumerate().flat_map(of_one_image).map(to_tensors)

    def save(self, directory: Path) -> None:
        """Save the pieces and the fingerprints."""
        self.text.save(directory / PIECES_FILE)
        with whole_file(directory / CAPTIONS_FILE) as path:
            np.save(path, self.fingerprints)

    @classmethod
    def load(cls, settings: CaptioningSettings, directory: Path) -> "CaptioningPreprocessing":
        """Load what `save` wrote.

        Raises:
            UserError: if a file is missing or damaged.
        """
        text = SubwordText.load(directory / PIECES_FILE, settings.text)
        path = directory / CAPTIONS_FILE
        try:
            fingerprints = np.load(path)
        except (OSError, ValueError, EOFError):
            raise UserError(f"{path} is damaged or missing; train the run again.") from None
        return cls(ImagePreprocessor(settings.picture), text, settings.text, fingerprints)


def cleaned(captions: tf.Tensor, settings: CaptionTextSettings) -> tf.Tensor:
    """Remove punctuation from captions (batch,), unless the settings keep it."""
    if settings.keep_signs:
        return captions
    captions = tf.strings.unicode_transcode(captions, "UTF-8", "UTF-8", errors="replace")
    captions = tf.strings.regex_replace(captions, _PUNCTUATION, " ")
    return tf.strings.regex_replace(captions, _LOOSE_PUNCTUATION, " ")
