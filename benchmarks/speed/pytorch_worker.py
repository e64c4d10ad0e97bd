"""Measurement of PyTorch on the same work, in a separate process that gets orders as lines of JSON.

PyTorch is not among the requirements: `make speed` measures it too after
`.venv/bin/pip install torch==2.13.0`.
"""

import json
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

WORDS_AND_PUNCTUATION = re.compile(r"\w+|[^\w\s]+")


class Classifier(torch.nn.Module):
    """Word embeddings, a bidirectional LSTM, max pooling over the words, one logit per class."""

    def __init__(self, vocabulary_size: int, embedding_dimension: int, units: int, classes: int) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(vocabulary_size, embedding_dimension, padding_idx=0)
        self.lstm = torch.nn.LSTM(embedding_dimension, units, batch_first=True, bidirectional=True)
        self.classifier = torch.nn.Linear(2 * units, classes)

    def forward(self, numbers: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Compute logits (batch, classes) from word indices (batch, words) and lengths (batch,)."""
        vectors = self.embedding(numbers)  # (batch, words, embedding)
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            vectors, lengths, batch_first=True, enforce_sorted=False
        )
        outputs, _ = torch.nn.utils.rnn.pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, padding_value=-torch.inf
        )  # (batch, words, 2 * units)
        return self.classifier(outputs.amax(dim=1))


def layer_step(case: dict[str, Any], lengths: list[int], training: bool) -> Callable[[], None]:
    """One step of a layer as in `benchmarks.speed.layer_steps`; sequences of different lengths are packed."""
    stack = case["bidirectional_layers"]
    layer = getattr(torch.nn, case["cell"])(
        case["features"], case["units"], batch_first=True, num_layers=max(stack, 1), bidirectional=stack > 0
    )
    inputs = torch.randn(case["batch"], case["time_steps"], case["features"], requires_grad=training)

    def forward() -> torch.Tensor:
        sequences: Any = inputs
        if case["masked"]:
            sequences = torch.nn.utils.rnn.pack_padded_sequence(
                inputs, torch.tensor(lengths), batch_first=True, enforce_sorted=False
            )
        outputs = layer(sequences)[0]
        if case["masked"]:
            outputs = torch.nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)[0]
        return outputs

    def answer() -> None:
        with torch.inference_mode():
            forward().sum().item()

    def train() -> None:
        layer.zero_grad()
        inputs.grad = None
        (forward() ** 2).sum().backward()

    return train if training else answer


def epoch(file: str, tokens_per_batch: int, sizes: dict[str, int]) -> dict[str, float]:
    """Train one epoch on batches of similar lengths, and score the validation examples.

    Args:
        file: .npz with `numbers`, `lengths` and `labels` of `train` and `validation`, sequences concatenated.
        tokens_per_batch: words in a batch, padding included.
        sizes: arguments of Classifier.
    """
    torch.manual_seed(1)
    generator = np.random.default_rng(1)
    with np.load(file) as arrays:
        train, validation = (_batches(arrays, split, tokens_per_batch) for split in ("train", "validation"))
    model = Classifier(**sizes)
    optimizer = torch.optim.Adam(model.parameters())
    start = time.perf_counter()
    for index in generator.permutation(len(train)):
        numbers, lengths, labels = train[index]
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(numbers, lengths), labels).backward()
        optimizer.step()
    seconds = time.perf_counter() - start
    with torch.inference_mode():
        correct = sum(
            (model(numbers, lengths).argmax(1) == labels).sum().item()
            for numbers, lengths, labels in validation
        )
    return {"seconds": seconds, "accuracy": correct / sum(len(labels) for *_, labels in validation)}


def _batches(arrays: Any, split: str, tokens_per_batch: int) -> list[tuple[torch.Tensor, ...]]:
    lengths, labels = arrays[f"{split}_lengths"], arrays[f"{split}_labels"]
    sequences = np.split(arrays[f"{split}_numbers"], np.cumsum(lengths)[:-1])
    batches, batch = [], []
    for index in np.argsort(lengths, kind="stable"):
        if batch and (len(batch) + 1) * lengths[index] > tokens_per_batch:
            batches.append(batch)
            batch = []
        batch.append(index)
    return [
        (
            torch.nn.utils.rnn.pad_sequence(
                [torch.from_numpy(sequences[index]) for index in chosen], batch_first=True
            ),
            torch.from_numpy(lengths[chosen]),
            torch.from_numpy(labels[chosen]).long(),
        )
        for chosen in [*batches, batch]
    ]


def answering_step(vocabulary: list[str], sizes: dict[str, int]) -> Callable[[str], None]:
    """Create a step from a text to its label; words are split and looked up in Python."""
    word_numbers = {word: number for number, word in enumerate(vocabulary, start=2)}
    model = Classifier(**sizes).eval()

    def answer(text: str) -> None:
        numbers = [word_numbers.get(word, 1) for word in WORDS_AND_PUNCTUATION.findall(text.lower())]
        with torch.inference_mode():
            outputs, _ = model.lstm(model.embedding(torch.tensor([numbers])))
            probabilities = model.classifier(outputs.amax(dim=1)).softmax(1)
            (probabilities.argmax(1).item(), probabilities.tolist())

    return answer


def main() -> None:
    """Execute orders, one per line: {"do": name, ...}; each is answered by one line."""
    torch.set_num_threads(int(sys.argv[1]))
    steps: dict[str, Callable[..., None]] = {}
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        answer: dict[str, Any] = {}
        match order.pop("do"):
            case "layer":
                steps["step"] = layer_step(**order)
            case "answer":
                steps["step"] = answering_step(**order)
            case "step":
                start = time.perf_counter()
                steps["step"](*order["arguments"])
                answer = {"seconds": time.perf_counter() - start}
            case "epoch":
                answer = epoch(**order)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
