"""Evaluation of captions, and the baselines."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import tensorflow as tf

from common.contract.evaluation import Evaluation
from common.data.examples import Answer, Example
from common.data.source import Source
from common.inputs.images import ImagePreprocessor
from common.kinds.writing.evaluation import EXAMPLES_VALIDATED, GreedyScores, scores_by_length
from common.modelling.precision import precision
from tasks.captioning.config import CaptioningSettings
from tasks.captioning.features import (
    IMAGES_AT_ONCE,
    features,
    images_of,
    input_name,
    keep_features,
    pixels,
)
from tasks.captioning.model import pretrained_encoder
from tasks.captioning.plots import IMAGES_SHOWN, CaptionedPixels, contact_sheet
from tasks.captioning.preprocessing import CaptioningPreprocessing
from tasks.captioning.scores import caption_metrics, caption_words
from tasks.captioning.serving import CaptioningServing

# Captions are scored in groups with up to these numbers of words.
LENGTHS = (3, 6, 9, 12, 15)
# Side in pixels of the thumbnails that the baseline compares if the encoder is trained from scratch.
_THUMBNAIL = 16


def evaluate_answers(settings: CaptioningSettings, scored: Iterable[tuple[Example, Answer]]) -> Evaluation:
    """Compare captions with their references, and plot the first images with both."""
    predictions, references, sheet = [], [], []
    preprocessor = ImagePreprocessor(settings.picture)
    for example, answer in scored:
        references.append(example["captions"])
        predictions.append(
            {
                "name": example["name"],
                "caption": answer["caption"],
                "score": answer["score"],
                "in_training": answer["in_training"],
                "references": " | ".join(example["captions"]),
            }
        )
        if len(sheet) < IMAGES_SHOWN:
            images, _ = preprocessor(tf.constant([example["picture"]]))
            sheet.append(CaptionedPixels(images[0].numpy(), answer["caption"], example["captions"]))
    captions = [row["caption"] for row in predictions]
    metrics = caption_metrics(captions, references)
    metrics["unseen"] = 100 * float(np.mean([not row["in_training"] for row in predictions]))

    def score(indices: np.ndarray) -> dict[str, float]:
        """Score a subset of the captions."""
        subset = caption_metrics([captions[i] for i in indices], [references[i] for i in indices])
        return {"bleu_4": subset["bleu_4"]}

    lengths = [len(caption_words(caption)) for caption in captions]
    return Evaluation(
        metrics=metrics,
        tables={"BLEU-4 by words of the caption": scores_by_length(lengths, LENGTHS, score, "captions")},
        figures={"contact_sheet.png": contact_sheet(sheet)},
        predictions=predictions,
    )


def validation_scores(
    serving: CaptioningServing,
    settings: CaptioningSettings,
    source: Source,
    preprocessing: CaptioningPreprocessing,
) -> GreedyScores:
    """BLEU-4 and CIDEr-D of greedy captions for the validation split, by the model in its current state."""
    examples = source.examples("validation")
    references = [example["captions"] for example in islice(examples, EXAMPLES_VALIDATED)]
    if settings.model.frozen:
        encoder = serving.models[0].encoder
        table = keep_features(settings, source, preprocessing, "validation", encoder)
        starts = range(0, len(references), IMAGES_AT_ONCE)
        batches = tf.data.Dataset.from_generator(
            lambda: (table[start : start + IMAGES_AT_ONCE] for start in starts),
            output_signature=tf.TensorSpec([None, *table.shape[1:]], table.dtype),
        )
        name = input_name(table)
    else:
        batches = pixels(preprocessing, images_of(source, "validation").take(EXAMPLES_VALIDATED))
        name = "pixels"
    return GreedyScores(
        lambda batch: serving.greedy({name: batch}), batches.prefetch(2), references, _bleu_and_cider
    )


def _bleu_and_cider(captions: list[str], references: list[list[str]]) -> dict[str, float]:
    scores = caption_metrics(captions, references)
    return {name: scores[name] for name in ("bleu_4", "cider_d")}


def score_baselines(
    settings: CaptioningSettings,
    source: Source,
    preprocessing: CaptioningPreprocessing,
    examples: Iterable[Example],
) -> dict[str, dict[str, float]]:
    """Score the most frequent training caption, and the first caption of the nearest training image.

    The distance is the cosine distance of features: the mean over the regions of the features that the model
    uses, from the encoder with ImageNet weights; or thumbnails, if the encoder is trained from scratch.
    """
    train = [(example["captions"][0], example["captions"]) for example in _captions_of(source)]
    plain = Counter(
        caption
        for start in range(0, len(train), IMAGES_AT_ONCE)
        for caption in preprocessing.plain(
            tf.constant([text for _, texts in train[start : start + IMAGES_AT_ONCE] for text in texts])
        )
        .numpy()
        .tolist()
    )
    # Of equally frequent captions, the first in alphabetical order.
    frequent = min(plain, key=lambda caption: (-plain[caption], caption)).decode()
    references: list[list[str]] = []

    def images() -> Iterator[bytes]:
        for example in examples:
            references.append(example["captions"])
            yield example["picture"]

    nearest = nearest_images(settings, source, preprocessing, images())
    captions = [train[index][0] for index in nearest]
    metrics = {
        "most frequent caption": caption_metrics([frequent] * len(references), references),
        "nearest picture's caption": caption_metrics(captions, references),
    }
    return {name: scores | {"unseen": 0.0} for name, scores in metrics.items()}


def _captions_of(source: Source) -> Iterator[Example]:
    return ({"captions": example["captions"]} for example in source.examples("train"))


def nearest_images(
    settings: CaptioningSettings,
    source: Source,
    preprocessing: CaptioningPreprocessing,
    images: Iterator[bytes],
) -> np.ndarray:
    """Return the indices of the training images that are nearest to the given ones, (images,)."""
    files = tf.data.Dataset.from_generator(lambda: images, output_signature=tf.TensorSpec([], tf.string))
    image_batches = pixels(preprocessing, files)
    if settings.model.pretrained:
        with precision(settings):
            encoder = pretrained_encoder(settings.model)
        table = keep_features(settings, source, preprocessing, "train", encoder)
        batches = (table[start : start + 512] for start in range(0, len(table), 512))
        train = np.concatenate([_means(batch) for batch in batches])
        queries = np.concatenate([_means(batch) for batch in features(encoder, image_batches)])
    else:
        train, queries = (
            np.concatenate([_thumbnails(batch) for batch in split])
            for split in (pixels(preprocessing, images_of(source, "train")), image_batches)
        )
    return np.argmax(_normalized(queries) @ _normalized(train).T, axis=1)


def _means(batch: np.ndarray) -> np.ndarray:
    return batch.astype(np.float32).mean(axis=1)


def _thumbnails(batch: tf.Tensor) -> np.ndarray:
    """Shrink pixels (batch, size, size, 3) to flat thumbnails (batch, features), each with mean 0."""
    small = tf.image.resize(batch, [_THUMBNAIL] * 2, antialias=True).numpy().reshape(len(batch), -1)
    return small - small.mean(axis=1, keepdims=True)


def _normalized(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
