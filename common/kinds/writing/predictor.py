"""How a task that writes is asked."""

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from common.contract.predictor import Predictor, SettingsType
from common.data.examples import Answer
from common.inputs.subwords import BLANK_MARK


class WritingPredictor(Predictor[SettingsType]):
    """Asks for the best sequence, or for the n best.

    Attributes:
        output_name: as of the serving module.
    """

    output_name: ClassVar[str]

    def answers(self, outputs: dict[str, Any]) -> list[Answer]:
        """The best sequence and its score; where several were asked for, all of them besides.

        Where nothing was to be written, the sequence is empty and scores 0.
        """
        name = self.output_name
        answers = []
        for texts, scores in zip(outputs[f"{name}s"], outputs["scores"], strict=True):
            found = [
                {name: text.decode(), "score": float(score)}
                for text, score in zip(texts, scores, strict=True)
                if np.isfinite(score)
            ] or [{name: "", "score": 0.0}]
            several = {f"{name}s": found} if len(texts) > 1 else {}
            answers.append({**found[0], **several})
        return answers


def piece_labels(pieces: Iterable[bytes]) -> list[str]:
    """Label the steps of a figure by their pieces, but for the empty ones behind the last."""
    return [piece.decode().replace(BLANK_MARK, " ").strip() or "_" for piece in pieces if piece]
