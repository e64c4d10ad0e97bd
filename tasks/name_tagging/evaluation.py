"""Scores of tagged sentences: names are correct if both boundaries and the type are."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import IOB2

from common.contract.evaluation import Evaluation
from common.data.examples import Answer, Example
from common.data.source import ExampleSource
from common.inputs.tag_schemes import Span, spans_of
from common.scores.plots import confusion_matrix
from tasks.name_tagging.preprocessing import NameTaggingPreprocessing
from tasks.name_tagging.serving import NameTaggingServing

# Batch size of the scores after each epoch.
SENTENCES_AT_ONCE = 128
WORST = 50
# Sentences are scored in groups with up to these numbers of words.
LENGTHS = (5, 10, 20, 40)
# Label in the confusion matrix of names without a counterpart.
NOTHING = "none"


def span_scores(truth: list[list[str]], answers: list[list[str]], average: str | None = "micro") -> Any:
    """Compute precision, recall, F1 and number of names from tags in iob2, by seqeval in strict mode.

    A name is correct if its first and last word and its type are, as in conlleval.

    Args:
        truth: (sentences, words) tags.
        answers: of the same shape.
        average: "micro" over all names; None for arrays (types,), with types in alphabetical order.

    Source: Tjong Kim Sang and De Meulder, 2003; Nakayama, seqeval, 2018.
    """
    return precision_recall_fscore_support(truth, answers, average=average, scheme=IOB2, zero_division=0)


def tagging_metrics(truth: list[list[str]], answers: list[list[str]]) -> dict[str, float]:
    """Compute F1, precision and recall over all names, and the share of words with the correct tag."""
    precision, recall, f1, _ = span_scores(truth, answers)
    correct = sum(
        tag == answered_tag
        for row, answer in zip(truth, answers, strict=True)
        for tag, answered_tag in zip(row, answer, strict=True)
    )
    words = sum(map(len, truth))
    return {
        "f1": float(f1),
        "precision": float(precision),
        "recall": float(recall),
        "word_accuracy": correct / max(1, words),
    }


class ValidationF1:
    """Callable that computes F1 on the validation split, with the model in its current state."""

    def __init__(
        self,
        serving: NameTaggingServing,
        preprocessing: NameTaggingPreprocessing,
        validation: tf.data.Dataset,
    ) -> None:
        self.names = serving.names.numpy().astype(str)
        self.best_tags = tf.function(
            serving.best_tags,
            input_signature=[tf.TensorSpec([None, None, None], tf.int32)],
            autograph=False,
        )
        examples = list(preprocessing.examples(validation).as_numpy_iterator())
        # Sentences of similar lengths are batched together, for little padding.
        examples.sort(key=lambda example: len(example[1]))
        self.numbers = [numbers for numbers, _ in examples]
        self.truth = [self.names[tags].tolist() for _, tags in examples]

    def __call__(self) -> dict[str, float]:
        """Tag the sentences and score the tags."""
        answers: list[list[str]] = []
        for start in range(0, len(self.numbers), SENTENCES_AT_ONCE):
            rows = self.numbers[start : start + SENTENCES_AT_ONCE]
            longest = max(map(len, rows))
            batch = np.stack([np.pad(row, [(0, longest - len(row)), (0, 0)]) for row in rows])
            tags = self.best_tags(batch).numpy()
            answers += [
                self.names[numbers[: len(row)]].tolist() for numbers, row in zip(tags, rows, strict=True)
            ]
        return {"f1": tagging_metrics(self.truth, answers)["f1"]}


def evaluate_answers(
    labels: list[str],
    scored: Iterable[tuple[Example, Answer]],
    trained_names: set[str] | None,
) -> Evaluation:
    """Score the answers by type, by seen and unseen names, and by length of the sentence.

    Args:
        labels: types of names.
        scored: raw examples with their answers.
        trained_names: result of `names_in_training`; None if the data is not available.
    """
    pairs = list(scored)
    truth = [list(example["tags"]) for example, _ in pairs]
    answers = [answer["tags"] for _, answer in pairs]
    tables = {"Types": _type_table(truth, answers), "Length of the sentence": _length_table(truth, answers)}
    true_spans = [spans_of(tags, "iob2") for tags in truth]
    answered_spans = [spans_of(tags, "iob2") for tags in answers]
    if trained_names is not None:
        words = [example["words"] for example, _ in pairs]
        tables["Names seen in training"] = _seen_table(words, true_spans, answered_spans, trained_names)
    counts = _confusion(true_spans, answered_spans, labels)
    figures = {"confusion_matrix.png": confusion_matrix(counts, [*labels, NOTHING])}
    predictions = [_row(example, answer) for example, answer in pairs]
    return Evaluation(
        metrics=tagging_metrics(truth, answers),
        tables={title: rows for title, rows in tables.items() if rows},
        figures=figures,
        predictions=predictions,
        files={"worst_sentences.csv": _worst(predictions, true_spans, answered_spans, pairs)},
    )


def names_of(words: list[str], spans: list[Span]) -> list[str]:
    """Return the names of a sentence, in lower case, with their types."""
    return [f"{' '.join(words[span.start : span.end]).casefold()}\t{span.type}" for span in spans]


def names_in_training(source: ExampleSource) -> set[str]:
    """Collect the names of the training split, in the format of `names_of`."""
    names: set[str] = set()
    for example in source.examples("train"):
        names.update(names_of(example["words"], spans_of(example["tags"], "iob2")))
    return names


def _type_table(truth: list[list[str]], answers: list[list[str]]) -> list[dict[str, Any]]:
    types = sorted({tag[2:] for rows in (truth, answers) for row in rows for tag in row if tag != "O"})
    columns = span_scores(truth, answers, average=None) if types else [[]] * 4
    return [
        {"type": name, "precision": float(p), "recall": float(r), "f1": float(f), "names": int(n)}
        for name, p, r, f, n in zip(types, *columns, strict=True)
    ]


def _length_table(truth: list[list[str]], answers: list[list[str]]) -> list[dict[str, Any]]:
    groups: dict[int, list[int]] = defaultdict(list)
    for number, row in enumerate(truth):
        groups[int(np.searchsorted(LENGTHS, len(row)))].append(number)
    table = []
    for group, numbers in sorted(groups.items()):
        longest = f"to {LENGTHS[group]}" if group < len(LENGTHS) else f"over {LENGTHS[-1]}"
        precision, recall, f1, names = span_scores(
            [truth[number] for number in numbers], [answers[number] for number in numbers]
        )
        table.append(
            {
                "words": longest,
                "precision": float(precision),
                "recall": float(recall),
                "f1": float(f1),
                "names": int(names),
                "sentences": len(numbers),
            }
        )
    return table


def _seen_table(
    words: list[list[str]], truth: list[list[Span]], answers: list[list[Span]], trained: set[str]
) -> list[dict[str, Any]]:
    counts: Counter[tuple[bool, str]] = Counter()
    for row, true, answered in zip(words, truth, answers, strict=True):
        correct = set(true) & set(answered)
        for spans, what in ((true, "names"), (answered, "answered")):
            for span, name in zip(spans, names_of(row, spans), strict=True):
                counts[name in trained, what] += 1
                counts[name in trained, f"correct {what}"] += span in correct
    table = []
    for seen in (True, False):
        precision = counts[seen, "correct answered"] / max(1, counts[seen, "answered"])
        recall = counts[seen, "correct names"] / max(1, counts[seen, "names"])
        table.append(
            {
                "name, with its type": "seen" if seen else "unseen",
                "precision": precision,
                "recall": recall,
                "f1": 2 * precision * recall / max(1e-9, precision + recall),
                "names": counts[seen, "names"],
            }
        )
    return table


def _confusion(truth: list[list[Span]], answers: list[list[Span]], labels: list[str]) -> np.ndarray:
    """Count types of names with the same boundaries, (truth, answer); the last type is no name."""
    number_of = {label: number for number, label in enumerate(labels)}
    counts = np.zeros((len(labels) + 1, len(labels) + 1), dtype=np.int64)
    for true, answered in zip(truth, answers, strict=True):
        rows, columns = ({span[:2]: number_of[span.type] for span in spans} for spans in (true, answered))
        for borders in rows.keys() | columns.keys():
            counts[rows.get(borders, len(labels)), columns.get(borders, len(labels))] += 1
    return counts


def _row(example: Example, answer: Answer) -> dict[str, Any]:
    return {
        "text": example["text"],
        "words": " ".join(example["words"]),
        "tags": " ".join(example["tags"]),
        "predicted": " ".join(answer["tags"]),
    }


def _worst(
    rows: list[dict[str, Any]],
    truth: list[list[Span]],
    answers: list[list[Span]],
    pairs: list[tuple[Example, Answer]],
) -> list[dict[str, Any]]:
    """Return the sentences with the most wrong or missing names, then by the score of wrong names."""
    table = []
    for row, true, answered, (_, answer) in zip(rows, truth, answers, pairs, strict=True):
        errors = len(set(true) ^ set(answered))
        wrong = [
            entry["score"] for span, entry in zip(answered, answer["spans"], strict=True) if span not in true
        ]
        if errors:
            table.append({"errors": errors, "surest_wrong_score": max(wrong, default=0.0), **row})
    table.sort(key=lambda row: (-row["errors"], -row["surest_wrong_score"]))
    return table[:WORST]
