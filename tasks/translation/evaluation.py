"""Evaluation of translations, and the baselines."""

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

import numpy as np
import tensorflow as tf
from sacrebleu.metrics import BLEU, CHRF
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from common.contract.evaluation import Evaluation
from common.data.examples import Answer, Example, dataset_examples
from common.data.source import Source
from common.inputs.scripts import WORD, mostly_han, mostly_unspaced
from common.inputs.words import normalize, split_words
from common.kinds.writing.evaluation import EXAMPLES_VALIDATED, GreedyScores, scores_by_length
from tasks.translation.preprocessing import SENTENCES_AT_ONCE
from tasks.translation.serving import TranslationServing

# Sentences are scored in groups with up to these numbers of words in the source.
LENGTHS = (5, 10, 15, 20, 30, 50)
# Maximum number of pairs for the baseline's dictionary, limited by memory.
DICTIONARY_PAIRS = 100_000


def translation_metrics(translations: list[str], references: list[str]) -> dict[str, float]:
    """Compute sacrebleu's BLEU and chrF, from 0 to 100, cased and in lower case (`_lc`)."""
    return _scores(_metrics(references), translations, references)


def _scores(metrics: dict[str, Any], translations: list[str], references: list[str]) -> dict[str, float]:
    return {
        name: float(metric.corpus_score(translations, [references]).score) for name, metric in metrics.items()
    }


def _metrics(references: list[str]) -> dict[str, Any]:
    tokenizer = _tokenizer(references)
    return {
        # force: no warning that sentences look tokenised, as in some data sets.
        "bleu": BLEU(tokenize=tokenizer, force=True),
        "bleu_lc": BLEU(tokenize=tokenizer, lowercase=True, force=True),
        "chrf": CHRF(),
        "chrf_lc": CHRF(lowercase=True),
    }


def _tokenizer(sentences: list[str]) -> str:
    """Choose sacrebleu's tokenizer: `13a`, or for languages without spaces `zh` (Chinese) or `char`."""
    sample = "".join(sentences[:200])
    if mostly_han(sample):
        return "zh"
    return "char" if mostly_unspaced(sample) else "13a"


def evaluate_answers(scored: Iterable[tuple[Example, Answer]]) -> Evaluation:
    """Compare translations with their references."""
    predictions = [
        {
            "source": example["source"],
            "target": example["target"],
            "translation": answer["translation"],
            "score": answer["score"],
        }
        for example, answer in scored
    ]
    translations = [row["translation"] for row in predictions]
    references = [row["target"] for row in predictions]
    metrics = _metrics(references)

    def score(indices: np.ndarray) -> dict[str, float]:
        """Score a subset of the sentences, with the tokenizer for all of them."""
        return _scores(metrics, *([texts[i] for i in indices] for texts in (translations, references)))

    return Evaluation(
        metrics=_scores(metrics, translations, references),
        tables={
            "BLEU by words of the source": scores_by_length(
                [len(WORD.findall(row["source"])) for row in predictions], LENGTHS, score, "sentences"
            ),
            "Signatures of sacrebleu": [
                {"metric": name, "signature": str(metric.get_signature())} for name, metric in metrics.items()
            ],
        },
        predictions=predictions,
    )


def validation_bleu(serving: TranslationServing, validation: tf.data.Dataset) -> GreedyScores:
    """BLEU of greedy translations of the validation split, with the model in its current state."""
    validation = validation.take(EXAMPLES_VALIDATED)
    numbers = serving.preprocessing.examples(validation).as_numpy_iterator()
    lengths = [len(inputs["source"]) for inputs, _ in numbers]
    pairs = zip(lengths, dataset_examples(validation), strict=True)
    # Sorted by length, because the longest sentence of a batch determines its time.
    ordered = [pair for _, pair in sorted(pairs, key=itemgetter(0))]
    sentences = tf.data.Dataset.from_tensor_slices([pair["source"] for pair in ordered])
    references = [pair["target"] for pair in ordered]
    return GreedyScores(serving.greedy, sentences.batch(SENTENCES_AT_ONCE), references, _bleu)


def _bleu(translations: list[str], references: list[str]) -> dict[str, float]:
    return {"bleu": translation_metrics(translations, references)["bleu"]}


def score_baselines(source: Source, examples: Iterable[Example]) -> dict[str, dict[str, float]]:
    """Score copies of the source, and word-by-word translation with a dictionary from the training split.

    The dictionary maps each source word to the target word with the largest Dice coefficient, 2 n(s, t) /
    (n(s) + n(t)), where n counts pairs with these words (Dice, 1945), in the first `DICTIONARY_PAIRS` pairs.
    """
    examples = list(examples)
    references = [example["target"] for example in examples]
    train = list(dataset_examples(source.dataset("train").take(DICTIONARY_PAIRS)))
    sources = _words([example["source"] for example in train], lowercase=True)
    targets = _words([example["target"] for example in train], lowercase=False)
    dictionary = co_occurrence_dictionary(sources, targets)
    space = " " if _tokenizer(references) == "13a" else ""
    word_by_word = [
        space.join(dictionary.get(word.lower(), word) for word in words)
        for words in _words([example["source"] for example in examples], lowercase=False)
    ]
    return {
        "copy": translation_metrics([example["source"] for example in examples], references),
        "word by word": translation_metrics(word_by_word, references),
    }


def co_occurrence_dictionary(sources: list[list[str]], targets: list[list[str]]) -> dict[str, str]:
    """Find the target word with the largest Dice coefficient for each source word.

    Args:
        sources: words of each sentence.
        targets: words of each translation.
    """
    counters = [CountVectorizer(analyzer=lambda words: words, binary=True) for _ in range(2)]
    source_counts, target_counts = (
        counter.fit_transform(side).astype(np.float32)
        for counter, side in zip(counters, (sources, targets), strict=True)
    )  # (pairs, words)
    source_names, target_names = (counter.get_feature_names_out() for counter in counters)
    source_totals = np.asarray(source_counts.sum(axis=0)).ravel()
    target_totals = np.asarray(target_counts.sum(axis=0)).ravel()
    dice = sparse.csr_matrix(source_counts.T @ target_counts)  # (source words, target words)
    rows, columns = dice.nonzero()
    dice.data = 2 * dice.data / (source_totals[rows] + target_totals[columns])
    best = np.asarray(dice.argmax(axis=1)).ravel()
    return dict(zip(source_names.tolist(), target_names[best].tolist(), strict=True))


def _words(texts: list[str], lowercase: bool) -> list[list[str]]:
    words: list[list[str]] = []
    for start in range(0, len(texts), SENTENCES_AT_ONCE):
        batch = split_words(normalize(tf.constant(texts[start : start + SENTENCES_AT_ONCE]), lowercase))
        words += [[word.decode() for word in row] for row in batch.to_list()]
    return words
