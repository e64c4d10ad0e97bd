"""The baselines: majority class, and TF-IDF with logistic regression."""

from collections.abc import Iterable

import tensorflow as tf
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from common.data.examples import Example, dataset_examples
from common.data.source import Source
from common.inputs.scripts import mostly_unspaced
from common.kinds.labels import score_classifiers
from tasks.sentiment.preprocessing import SentimentPreprocessing


def score_baselines(
    source: Source, preprocessing: SentimentPreprocessing, examples: Iterable[Example]
) -> dict[str, dict[str, float]]:
    """Train the baselines on the training split, and score them.

    TF-IDF uses the network's words: 1- and 2-grams, or 1- to 3-grams for scripts without spaces, in which
    each character is a word.
    """
    train_words, train_labels = _words_and_labels(dataset_examples(source.dataset("train")), preprocessing)
    test_words, test_labels = _words_and_labels(examples, preprocessing)
    longest = 3 if mostly_unspaced(" ".join(train_words[:1_000])) else 2
    vectorizer = TfidfVectorizer(
        ngram_range=(1, longest), min_df=2, sublinear_tf=True, lowercase=False, token_pattern=r"\S+"
    )
    train_vectors, test_vectors = vectorizer.fit_transform(train_words), vectorizer.transform(test_words)
    baselines = {
        "majority class": DummyClassifier(strategy="most_frequent"),
        "TF-IDF + logistic regression": LogisticRegression(C=10, max_iter=1_000),
    }
    train, test = (train_vectors, train_labels), (test_vectors, test_labels)
    return score_classifiers(baselines, train, test, preprocessing.labels)


def _words_and_labels(
    examples: Iterable[Example], preprocessing: SentimentPreprocessing
) -> tuple[list[str], list[str]]:
    texts, labels = [], []
    for example in examples:
        texts.append(example["text"])
        labels.append(example["label"])
    words: list[str] = []
    at_once = preprocessing.examples_at_once
    for start in range(0, len(texts), at_once):
        split = preprocessing.text.words(tf.constant(texts[start : start + at_once]))
        words.extend(text.decode() for text in tf.strings.reduce_join(split, axis=-1, separator=" ").numpy())
    return words, labels
