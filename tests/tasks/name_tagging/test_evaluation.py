import numpy as np
import pytest

from tasks.name_tagging.baselines import NameDictionary, crf_answers
from tasks.name_tagging.evaluation import evaluate_answers, span_scores, tagging_metrics

# Counted by hand, as conlleval does: 5 names, 4 answered, 2 of them right (PER 0-2; the second LOC).
TRUTH = [
    ["B-PER", "I-PER", "O", "B-LOC"],
    ["B-ORG", "I-ORG", "O"],
    ["B-LOC", "B-PER", "O"],
]
ANSWERS = [
    ["B-PER", "I-PER", "O", "B-ORG"],  # The type is wrong.
    ["B-ORG", "O", "O"],  # A border is wrong.
    ["B-LOC", "O", "O"],  # One is missed.
]


def test_names_counted_by_hand():
    metrics = tagging_metrics(TRUTH, ANSWERS)
    assert metrics["precision"] == pytest.approx(2 / 4)
    assert metrics["recall"] == pytest.approx(2 / 5)
    assert metrics["f1"] == pytest.approx(2 * 0.5 * 0.4 / 0.9)
    assert metrics["word_accuracy"] == pytest.approx(7 / 10)
    precision, recall, _, names = span_scores(TRUTH, ANSWERS, average=None)  # LOC, ORG, PER
    np.testing.assert_allclose(precision, [1.0, 0.0, 1.0])
    np.testing.assert_allclose(recall, [0.5, 0.0, 0.5])
    assert names.tolist() == [2, 1, 2]


def test_sentences_without_names():
    assert tagging_metrics([["O"], []], [["O"], []])["f1"] == 0.0


def scored():
    for number, (truth, answer) in enumerate(zip(TRUTH, ANSWERS, strict=True)):
        words = [f"w{number}{place}" for place in range(len(truth))]
        spans = [{"score": 0.5 + 0.1 * number}] * sum(tag[0] == "B" for tag in answer)
        yield {"text": " ".join(words), "words": words, "tags": truth}, {"tags": answer, "spans": spans}


def test_tables_and_files():
    found = evaluate_answers(["LOC", "ORG", "PER"], scored(), {"w00 w01\tPER", "w20\tLOC"})
    seen, unseen = found.tables["Names seen in training"]
    assert (seen["names"], seen["recall"], seen["precision"]) == (2, 1.0, 1.0)
    assert (unseen["names"], unseen["recall"], unseen["precision"]) == (3, 0.0, 0.0)
    assert [row["sentences"] for row in found.tables["Length of the sentence"]] == [3]
    worst = found.files["worst_sentences.csv"]
    # Two errors each in the first and the second; of these the surer answer first. One in the third.
    assert [row["errors"] for row in worst] == [2, 2, 1]
    assert [row["words"][:3] for row in worst] == ["w10", "w00", "w20"]
    assert "confusion_matrix.png" in found.figures


TRAINING = [
    {
        "words": ["New", "York", "Times", "of", "New", "York"],
        "tags": ["B-ORG", "I-ORG", "I-ORG", "O", "B-LOC", "I-LOC"],
    },
    {"words": ["York", "met", "Ada"], "tags": ["B-PER", "O", "B-PER"]},
    {"words": ["York"], "tags": ["B-LOC"]},
    {"words": ["York"], "tags": ["B-LOC"]},
]


def test_dictionary_takes_the_longest_name_and_its_commonest_type():
    dictionary = NameDictionary(TRAINING)
    assert dictionary.tags(["the", "New", "York", "Times", "York", "Ada"]) == [
        "O",
        "B-ORG",
        "I-ORG",
        "I-ORG",
        "B-LOC",
        "B-PER",
    ]
    assert dictionary.tags([]) == []


def test_crf_learns_its_training_sentences():
    sentences = [example["words"] for example in TRAINING[:2]]
    assert crf_answers(TRAINING[:2] * 10, sentences) == [example["tags"] for example in TRAINING[:2]]
