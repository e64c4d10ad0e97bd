"""Base of the recurrent layers that train in C on a CPU."""

import abc
from typing import Any

from common.layers.recurrent_layer import RecurrentLayer, States


class CompiledLayer(RecurrentLayer):
    """A recurrent layer with two implementations: one in C for training on a CPU, and the loop for the rest.

    Both give the same numbers. Answers and exports use the loop, which is made of TensorFlow's operations.
    """

    @abc.abstractmethod
    def _is_usual(self) -> bool:
        """Whether the layer computes what the code in C does."""

    @abc.abstractmethod
    def _run_compiled(self, projected: Any, mask: Any, states: States, reverse: bool) -> tuple[Any, States]:
        """As `_loop`, from projected inputs (batch, time, width)."""

    def _is_compiled(self) -> bool:
        """Whether training runs in C: there is nothing in the way, and a compiler."""
        if not (self._is_usual() and self._is_plain()):
            return False
        from common.layers.engines import compiled

        return compiled.operations() is not None

    def _loop(
        self, inputs: Any, mask: Any, states: States, training: bool, reverse: bool
    ) -> tuple[Any, States]:
        if training and self._is_compiled():
            return self._run_compiled(self.project(inputs), mask, states, reverse)
        return super()._loop(inputs, mask, states, training, reverse)
