"""The baselines: a dictionary of names, and a linear-chain CRF."""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pycrfsuite

from common.data.examples import Example
from common.data.source import Source
from common.inputs.tag_schemes import Span, spans_of, tags_of
from tasks.name_tagging.evaluation import tagging_metrics

CRF_ITERATIONS = 100
LONGEST_AFFIX = 3


def score_baselines(source: Source, examples: Iterable[Example]) -> dict[str, dict[str, float]]:
    """Train the dictionary of names and a linear-chain CRF on the training split, and score them."""
    training = list(source.examples("train"))
    test = list(examples)
    truth = [example["tags"] for example in test]
    dictionary = NameDictionary(training)
    answers = {
        "names of the training split": [dictionary.tags(example["words"]) for example in test],
        "CRF with hand-made features": crf_answers(training, [example["words"] for example in test]),
    }
    return {name: tagging_metrics(truth, tags) for name, tags in answers.items()}


class NameDictionary:
    """Marks names of the training split, longest first, with their most frequent type.

    Source: the baseline of Tjong Kim Sang and De Meulder, 2003.
    """

    def __init__(self, training: list[Example]) -> None:
        counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for example in training:
            for span in spans_of(example["tags"], "iob2"):
                counts[tuple(example["words"][span.start : span.end])][span.type] += 1
        self.types = {
            name: min(types, key=lambda kind: (-types[kind], kind)) for name, types in counts.items()
        }
        self.longest = max(map(len, self.types), default=0)

    def tags(self, words: list[str]) -> list[str]:
        """Tag a sentence, in iob2."""
        spans, start = [], 0
        while start < len(words):
            end = self._end(words, start)
            if end is not None:
                spans.append(Span(start, end, self.types[tuple(words[start:end])]))
            start = end or start + 1
        return tags_of(spans, len(words))

    def _end(self, words: list[str], start: int) -> int | None:
        for end in range(min(len(words), start + self.longest), start, -1):
            if tuple(words[start:end]) in self.types:
                return end
        return None


def crf_answers(training: list[Example], sentences: list[list[str]]) -> list[list[str]]:
    """Tag sentences with a linear-chain CRF over hand-made features, trained by L-BFGS.

    Internally, tags are in the iobes scheme. Invalid parts of its answers are not names.

    Source: Okazaki, CRFsuite, 2007.
    """
    trainer = pycrfsuite.Trainer(
        "lbfgs", {"c1": 0.1, "c2": 0.01, "max_iterations": CRF_ITERATIONS}, verbose=False
    )
    for example in training:
        tags = tags_of(spans_of(example["tags"], "iob2"), len(example["tags"]), "iobes")
        trainer.append(list(word_features(example["words"])), tags)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.crfsuite")
        trainer.train(path)
        tagger = pycrfsuite.Tagger()
        tagger.open(path)
        return [_valid(tagger.tag(list(word_features(words)))) for words in sentences]


def word_features(words: list[str]) -> Iterator[list[str]]:
    """Yield the usual features of each word: the word, its neighbours, affixes, letter and digit patterns."""
    for position, word in enumerate(words):
        features = ["bias"]
        for offset in (-2, -1, 0, 1, 2):
            if 0 <= position + offset < len(words):
                other = words[position + offset]
                features += [f"{offset}:word={other.lower()}", f"{offset}:shape={_shape(other)}"]
            else:
                features.append(f"{offset}:none")
        features.append(f"word={word}")
        for length in range(1, LONGEST_AFFIX + 1):
            features += [f"prefix={word[:length]}", f"suffix={word[-length:]}"]
        for offset in (-1, 0):
            if 0 <= position + offset < len(words) - 1:
                pair = words[position + offset : position + offset + 2]
                features.append(f"{offset}:pair={'|'.join(pair).lower()}")
        yield features


def _shape(word: str) -> str:
    """Return the pattern of a word: X for capitals, x for other letters, 0 for digits, without repeats."""
    shape = ""
    for character in word:
        kind = _kind(character)
        if not shape.endswith(kind):
            shape += kind
    return shape


def _kind(character: str) -> str:
    if character.isdigit():
        return "0"
    if character.isupper():
        return "X"
    return "x" if character.isalpha() else character


def _valid(tags: list[str]) -> list[str]:
    spans, start = [], None
    for position, tag in enumerate(tags):
        prefix, kind = tag[0], tag[2:]
        if prefix in "BS":
            start = position
        elif prefix == "O" or start is None or tags[start][2:] != kind:
            start = None
        if prefix in "ES" and start is not None:
            spans.append(Span(start, position + 1, kind))
            start = None
    return tags_of(spans, len(tags))
