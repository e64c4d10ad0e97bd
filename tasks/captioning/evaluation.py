"""How captions are judged, and the baselines beside them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import tensorflow as tf

from common.contract.evaluation import Evaluation
from common.data.examples import Answer, Example
from common.data.source import Source
from common.inputs.images import PicturePreprocessor
from common.modelling.precision import precision
from tasks.captioning.config import CaptioningSettings
from tasks.captioning.features import PICTURES_AT_ONCE, features, input_name, keep_features, pixels
from tasks.captioning.model import pretrained_encoder
from tasks.captioning.plots import CaptionedPixels, contact_sheet
from tasks.captioning.preprocessing import CaptioningPreprocessing
from tasks.captioning.scores import caption_metrics, caption_words
from tasks.captioning.serving import CaptioningServing

# Enough to tell epochs apart; a large validation split would take longer than the epoch.
PICTURES_VALIDATED = 2_000
# Pictures of the contact sheet.
PICTURES_SHOWN = 12

# Colours of a picture whose encoder is trained from scratch, as its features: sides of the thumbnail.
_THUMBNAIL = 16


def evaluate_answers(settings: CaptioningSettings, scored: Iterable[tuple[Example, Answer]]) -> Evaluation:
    """Compare captions with their references; the first pictures are drawn with both."""
    predictions, references, shown = [], [], []
    preprocessor = PicturePreprocessor(settings.picture)
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
        if len(shown) < PICTURES_SHOWN:
            seen, _ = preprocessor(tf.constant([example["picture"]]))
            shown.append(CaptionedPixels(seen[0].numpy(), answer["caption"], example["captions"]))
    captions = [row["caption"] for row in predictions]
    metrics = caption_metrics(captions, references)
    metrics["unseen"] = 100 * float(np.mean([not row["in_training"] for row in predictions]))
    return Evaluation(
        metrics=metrics,
        tables={"BLEU-4 by words of the caption": list(_by_length(captions, references))},
        figures={"contact_sheet.png": contact_sheet(shown)},
        predictions=predictions,
    )


def _by_length(captions: list[str], references: list[list[str]]) -> Iterator[dict[str, Any]]:
    lengths = np.array([len(caption_words(caption)) for caption in captions])
    shortest = 0
    for longest in (3, 6, 9, 12, 15, 10_000):
        places = np.flatnonzero((lengths >= shortest) & (lengths <= longest))
        if len(places):
            scores = caption_metrics([captions[place] for place in places], [references[p] for p in places])
            name = f"{shortest} to {longest}" if longest < 10_000 else f"{shortest} and more"
            yield {"words": name, "bleu_4": scores["bleu_4"], "captions": len(places)}
        shortest = longest + 1


class ValidationScores:
    """BLEU-4 and CIDEr-D of greedy captions of the validation split, by the model as it then is."""

    def __init__(
        self,
        serving: CaptioningServing,
        settings: CaptioningSettings,
        source: Source,
        preprocessing: CaptioningPreprocessing,
    ) -> None:
        examples = source.examples("validation")
        self.references = [example["captions"] for example in islice(examples, PICTURES_VALIDATED)]
        if settings.model.frozen:
            encoder = serving.models[0].encoder
            table = keep_features(settings, source, preprocessing, "validation", encoder)
            self.name, shape = input_name(table), table.shape[1:]
            starts = range(0, len(self.references), PICTURES_AT_ONCE)
            seen = tf.data.Dataset.from_generator(
                lambda: (table[start : start + PICTURES_AT_ONCE] for start in starts),
                output_signature=tf.TensorSpec([None, *shape], table.dtype),
            )
        else:
            pictures = source.dataset("validation").map(lambda example: example["picture"])
            seen = pixels(preprocessing, pictures.take(PICTURES_VALIDATED))
            self.name = "pixels"
        self.seen = seen.prefetch(2)
        self.greedy = tf.function(
            lambda batch: serving.greedy({self.name: batch}), input_signature=[seen.element_spec]
        )

    def __call__(self) -> dict[str, float]:
        """Write captions, and score them."""
        captions = [text.decode() for batch in self.seen for text in self.greedy(batch).numpy()]
        scores = caption_metrics(captions[: len(self.references)], self.references)
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
        for start in range(0, len(train), PICTURES_AT_ONCE)
        for caption in preprocessing.plain(
            tf.constant([text for _, texts in train[start : start + PICTURES_AT_ONCE] for text in texts])
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

    nearest = nearest_pictures(settings, source, preprocessing, pictures())
    captions = [train[place][0] for place in nearest]
    metrics = {
        "most frequent caption": caption_metrics([frequent] * len(references), references),
        "nearest picture's caption": caption_metrics(captions, references),
    }
    return {name: scores | {"unseen": 0.0} for name, scores in metrics.items()}


def _captions_of(source: Source) -> Iterator[Example]:
    return ({"captions": example["captions"]} for example in source.examples("train"))


def nearest_pictures(
    settings: CaptioningSettings,
    source: Source,
    preprocessing: CaptioningPreprocessing,
    pictures: Iterator[bytes],
) -> np.ndarray:
    """Places of the training pictures nearest to given ones, (pictures,)."""
    files = tf.data.Dataset.from_generator(lambda: pictures, output_signature=tf.TensorSpec([], tf.string))
    seen = pixels(preprocessing, files)
    train = source.dataset("train").map(lambda example: example["picture"])
    if settings.model.pretrained:
        with precision(settings):
            encoder = pretrained_encoder(settings.model)
        table = keep_features(settings, source, preprocessing, "train", encoder)
        batches = (table[place : place + 512] for place in range(0, len(table), 512))
        known = np.concatenate([_means(batch) for batch in batches])
        asked = np.concatenate([_means(batch) for batch in features(encoder, seen)])
    else:
        known, asked = (
            np.concatenate([_thumbnails(batch) for batch in one])
            for one in (pixels(preprocessing, train), seen)
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
