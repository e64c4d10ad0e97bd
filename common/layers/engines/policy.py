"""Global policy of the engines that new recurrent layers may use, like the dtype policy of keras.config."""

from typing import Literal, get_args

from common.layers.checks import check_one_of

# auto: the fastest engine that computes the layer; loop: only the loop, as XLA needs it.
Implementation = Literal["auto", "loop"]
# single_or_loop: chosen in the graph, where the batch size is known.
Engine = Literal["loop", "compiled", "single", "single_or_loop"]

_policy: Implementation = "auto"


def implementation_policy() -> Implementation:
    """Implementation of layers created without one."""
    return _policy


def set_implementation_policy(implementation: Implementation) -> None:
    """Set the implementation of recurrent layers created from now on without one."""
    global _policy
    _policy = chosen_implementation(implementation)


def chosen_implementation(implementation: Implementation | None) -> Implementation:
    """The implementation of a layer created with this argument; that of the policy for None.

    Raises:
        ValueError: if there is no such implementation.
    """
    if implementation is None:
        return _policy
    check_one_of("implementation", implementation, get_args(Implementation))
    return implementation
