"""Which engines the recurrent layers made from here on may use, as keras.config has a policy for dtypes."""

from typing import Literal

# auto: the quickest that gives the layer's numbers; loop: the loop alone, as XLA needs it.
Implementation = Literal["auto", "loop"]
# single_or_loop: the choice falls in the graph, where the number of sequences is known.
Engine = Literal["loop", "compiled", "single", "single_or_loop"]

_policy: Implementation = "auto"


def implementation_policy() -> Implementation:
    """The implementation of layers that are not told one."""
    return _policy


def set_implementation_policy(implementation: Implementation) -> None:
    """Let all recurrent layers made from here on use this implementation, if they are not told one."""
    global _policy
    _policy = implementation
