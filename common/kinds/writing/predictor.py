"""Predictor for tasks that generate a sequence."""

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from common.contract.predictor import Predictor, SettingsType
from common.data.examples import Answer
from common.inputs.subwords import BLANK_MARK


class WritingPredictor(Predictor[SettingsType]):
    """A predictor of the best sequence, or the n best.

    Attributes:
        output_name: that of the serving module.
    """

    output_name: ClassVar[str]

    def answers(self, outputs: dict[str, Any]) -> list[Answer]:
        """Convert outputs to the best sequence and its score, plus all n best if n_best > 1.

        If there was nothing to generate, the sequence is empty and its score is 0.
        """
        name = self.output_name
        answers = []
        for texts, scores in zip(outputs[f"{name}s"], outputs["scores"], strict=True):
            hypotheses = [
                {name: text.decode(), "score": float(score)}
                for text, score in zip(texts, scores, strict=True)
                if np.isfinite(score)
            ] or [{name: "", "score": 0.0}]
            n_best = {f"{name}s": hypotheses} if len(texts) > 1 else {}
            answers.append({**hypotheses[0], **n_best})
        return answers


def piece_labels(pieces: Iterable[bytes]) -> list[str]:
    """Convert pieces to labels for the axis of a plot, without the empty padding at the end."""
    return [piece.decode().replace(BLANK_MARK, " ").strip() or "_" for piece in pieces if piece]
