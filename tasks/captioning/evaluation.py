"""How captions are judged, and the baselines beside them."""

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

# Words of the caption up to which captions are scored together.
LENGTHS = (3, 6, 9, 12, 15)
# Colours of a picture whose encoder is trained from scratch, as its features: sides of the thumbnail.
_THUMBNAIL = 16


def evaluate_answers(settings: CaptioningSettings, scored: Iterable[tuple[Example, Answer]]) -> Evaluation:
    """Compare captions with their references; the first pictures are drawn with both."""
    predictions, references, shown = [], [], []
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
        if len(shown) < IMAGES_SHOWN:
            seen, _ = preprocessor(tf.constant([example["picture"]]))
            shown.append(CaptionedPixels(seen[0].numpy(), answer["caption"], example["captions"]))
    captions = [row["caption"] for row in predictions]
    metrics = caption_metrics(captions, references)
    metrics["unseen"] = 100 * float(np.mean([not row["in_training"] for row in predictions]))

    def score(positions: np.ndarray) -> dict[str, float]:
        """Score some of the captions."""
        some = caption_metrics([captions[at] for at in positions], [references[at] for at in positions])
        return {"bleu_4": some["bleu_4"]}

    lengths = [len(caption_words(caption)) for caption in captions]
    return Evaluation(
        metrics=metrics,
        tables={"BLEU-4 by words of the caption": scores_by_length(lengths, LENGTHS, score, "captions")},
        figures={"contact_sheet.png": contact_sheet(shown)},
        predictions=predictions,
    )


def validation_scores(
    serving: CaptioningServing,
    settings: CaptioningSettings,
    source: Source,
    preprocessing: CaptioningPreprocessing,
) -> GreedyScores:
    """BLEU-4 and CIDEr-D of greedy captions of the validation split, by the served model as it then is."""
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
    """Score the most frequent training caption, and the first caption of the nearest training picture.

    Near are pictures whose features, the mean of the regions' by the encoder with weights of ImageNet, of
    the same maps as the model sees, make the smallest angle; if the encoder is trained from scratch, whose
    small thumbnails do.
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
    # Of equally frequent ones the first in the alphabet.
    frequent = min(plain, key=lambda caption: (-plain[caption], caption)).decode()
    references: list[list[str]] = []

    def pictures() -> Iterator[bytes]:
        for example in examples:
            references.append(example["captions"])
            yield example["picture"]

    nearest = nearest_images(settings, source, preprocessing, pictures())
    captions = [train[position][0] for position in nearest]
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
    pictures: Iterator[bytes],
) -> np.ndarray:
    """Positions of the training pictures nearest to given ones, (pictures,)."""
    files = tf.data.Dataset.from_generator(lambda: pictures, output_signature=tf.TensorSpec([], tf.string))
    seen = pixels(preprocessing, files)
    if settings.model.pretrained:
        with precision(settings):
            encoder = pretrained_encoder(settings.model)
        table = keep_features(settings, source, preprocessing, "train", encoder)
        batches = (table[start : start + 512] for start in range(0, len(table), 512))
        known = np.concatenate([_means(batch) for batch in batches])
        asked = np.concatenate([_means(batch) for batch in features(encoder, seen)])
    else:
        known, asked = (
            np.concatenate([_thumbnails(batch) for batch in one])
            for one in (pixels(preprocessing, images_of(source, "train")), seen)
        )
    return np.argmax(_normed(asked) @ _normed(known).T, axis=1)


def _means(batch: np.ndarray) -> np.ndarray:
    return batch.astype(np.float32).mean(axis=1)


def _thumbnails(batch: tf.Tensor) -> np.ndarray:
    """Pixels (batch, size, size, 3) to small pictures (batch, numbers), of which each has the mean 0."""
    small = tf.image.resize(batch, [_THUMBNAIL] * 2, antialias=True).numpy().reshape(len(batch), -1)
    return small - small.mean(axis=1, keepdims=True)


def _normed(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
