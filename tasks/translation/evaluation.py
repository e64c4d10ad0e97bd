"""How translations are judged, and the baselines beside them."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from sacrebleu.metrics import BLEU, CHRF
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from common.contract.evaluation import Evaluation
from common.data.examples import Answer, Example, dataset_examples
from common.data.source import Source
from common.inputs.subwords import BLANK_MARK
from common.inputs.words import normalize, split_words
from common.scores.plots import attention_matrix
from tasks.translation.parallel import WORD
from tasks.translation.preprocessing import SENTENCES_AT_ONCE, TranslationPreprocessing
from tasks.translation.serving import TranslationServing

# Words of the source up to which sentences are scored together.
LENGTHS = (5, 10, 15, 20, 30, 50, np.inf)
# Enough to tell epochs apart; a large validation split would take longer than the epoch.
SENTENCES_VALIDATED = 2_000
# Pairs from which the dictionary of the baseline is made: more would not fit into memory.
DICTIONARY_PAIRS = 100_000


def translation_metrics(translations: list[str], references: list[str]) -> dict[str, float]:
    """BLEU and chrF of sacrebleu, from 0 to 100, as they are and in small letters (`_lc`)."""
    return _scores(_metrics(references), translations, references)


def _scores(metrics: dict[str, Any], translations: list[str], references: list[str]) -> dict[str, float]:
    return {
        name: float(metric.corpus_score(translations, [references]).score) for name, metric in metrics.items()
    }


def _metrics(references: list[str]) -> dict[str, Any]:
    tokenizer = _tokenizer(references)
    return {
        # force: no warning where sentences look tokenised, as those of some data sets are.
        "bleu": BLEU(tokenize=tokenizer, force=True),
        "bleu_lc": BLEU(tokenize=tokenizer, lowercase=True, force=True),
        "chrf": CHRF(),
        "chrf_lc": CHRF(lowercase=True),
    }


def _tokenizer(sentences: list[str]) -> str:
    """What sacrebleu finds words by: `13a`, which knows none in Chinese (`zh`) and Japanese (`char`)."""
    sample = "".join("".join(sentences[:200]).split())
    if len(re.findall(r"[\u4e00-\u9fff]", sample)) > len(sample) / 2:
        return "zh"
    return "char" if len(re.findall(r"[\u3040-\u30ff\u3400-\u9fff]", sample)) > len(sample) / 2 else "13a"


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
    return Evaluation(
        metrics=_scores(metrics, translations, references),
        tables={
            "BLEU by words of the source": list(_by_length(predictions, metrics)),
            "Signatures of sacrebleu": [
                {"metric": name, "signature": str(metric.get_signature())} for name, metric in metrics.items()
            ],
        },
        predictions=predictions,
    )


def _by_length(predictions: list[dict[str, Any]], metrics: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Scores of sentences of like length, by the metrics (and their way to find words) of all together."""
    lengths = np.array([len(WORD.findall(row["source"])) for row in predictions])
    shortest = 0
    for longest in LENGTHS:
        rows = [predictions[place] for place in np.flatnonzero((lengths >= shortest) & (lengths <= longest))]
        if rows:
            scores = _scores(metrics, [row["translation"] for row in rows], [row["target"] for row in rows])
            name = f"{shortest} to {longest}" if longest < np.inf else f"{shortest} and more"
            yield {"words": name, **scores, "sentences": len(rows)}
        shortest = longest + 1


class ValidationBleu:
    """BLEU of greedy translations of the validation split, by the model as it is when this is called."""

    def __init__(
        self,
        serving: TranslationServing,
        preprocessing: TranslationPreprocessing,
        validation: tf.data.Dataset,
    ) -> None:
        greedy = tf.constant(1)
        self.translate = tf.function(
            lambda sentences: serving.translate(sentences, greedy, greedy)["translation"],
            input_signature=[tf.TensorSpec([None], tf.string)],
        )
        validation = validation.take(SENTENCES_VALIDATED)
        lengths = [
            len(inputs["source"]) for inputs, _ in preprocessing.examples(validation).as_numpy_iterator()
        ]
        pairs = list(dataset_examples(validation))
        # Like lengths stand together: the longest of a batch keeps the others waiting.
        order = sorted(range(len(pairs)), key=lambda place: lengths[place])
        self.sentences = [pairs[place]["source"] for place in order]
        self.references = [pairs[place]["target"] for place in order]

    def __call__(self) -> dict[str, float]:
        """Translate, and score."""
        translations: list[str] = []
        for start in range(0, len(self.sentences), SENTENCES_AT_ONCE):
            batch = tf.constant(self.sentences[start : start + SENTENCES_AT_ONCE])
            translations += [text.decode() for text in self.translate(batch).numpy()]
        return {"bleu": translation_metrics(translations, self.references)["bleu"]}


def draw_attention(outputs: dict[str, np.ndarray]) -> Figure:
    """Draw the attention of one sentence.

    Args:
        outputs: of the endpoint `attention`, for one sentence.
    """
    sources, written = (
        [piece.decode().replace(BLANK_MARK, " ").strip() or "_" for piece in outputs[name] if piece]
        for name in ("source_pieces", "pieces")
    )
    steps = [*written, "(end)"][: len(outputs["attention"])]
    return attention_matrix(outputs["attention"][: len(steps), : len(sources)], sources, steps)


def score_baselines(source: Source, examples: Iterable[Example]) -> dict[str, dict[str, float]]:
    """Score the source as it is, and word by word with a dictionary from the training split.

    The dictionary gives for each word of the source the word of the target that goes along with it best: the
    largest Dice coefficient 2 n(s, t) / (n(s) + n(t)) of the numbers of pairs that hold them (Dice, 1945), of
    the first `DICTIONARY_PAIRS` pairs.
    """
    examples = list(examples)
    references = [example["target"] for example in examples]
    train = list(dataset_examples(source.dataset("train").take(DICTIONARY_PAIRS)))
    sources = _words([example["source"] for example in train], lowercase=True)
    targets = _words([example["target"] for example in train], lowercase=False)
    dictionary = co_occurrence_dictionary(sources, targets)
    blank = " " if _tokenizer(references) == "13a" else ""
    word_by_word = [
        blank.join(dictionary.get(word.lower(), word) for word in words)
        for words in _words([example["source"] for example in examples], lowercase=False)
    ]
    return {
        "copy": translation_metrics([example["source"] for example in examples], references),
        "word by word": translation_metrics(word_by_word, references),
    }


def co_occurrence_dictionary(sources: list[list[str]], targets: list[list[str]]) -> dict[str, str]:
    """The target word of the largest Dice coefficient for each source word.

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
    together = sparse.csr_matrix(source_counts.T @ target_counts)  # (source words, target words)
    rows, columns = together.nonzero()
    together.data = 2 * together.data / (source_totals[rows] + target_totals[columns])
    best = np.asarray(together.argmax(axis=1)).ravel()
    return dict(zip(source_names.tolist(), target_names[best].tolist(), strict=True))


def _words(texts: list[str], lowercase: bool) -> list[list[str]]:
    words: list[list[str]] = []
    for start in range(0, len(texts), SENTENCES_AT_ONCE):
        batch = split_words(normalize(tf.constant(texts[start : start + SENTENCES_AT_ONCE]), lowercase))
        words += [[word.decode() for word in row] for row in batch.to_list()]
    return words
