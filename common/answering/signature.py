"""Description of the serving signature of an export: names, types, shapes and defaults."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.contract.serving import ServingModule


@dataclass(frozen=True)
class SignatureTensor:
    """One input or output.

    Attributes:
        dtype: TensorFlow's name, e.g. "string".
        shape: of all axes, the batch first; None for a variable size; empty for a scalar.
        default: default value of an optional input; None for other tensors.
    """

    dtype: str
    shape: tuple[int | None, ...]
    default: int | float | None = None

    def __str__(self) -> str:
        """Type, shape and default, e.g. "string (batch,)" or "int32 (); 5 if not given"."""
        if not self.shape:
            described = f"{self.dtype} ()"
        else:
            sizes = ["batch", *("any" if size is None else str(size) for size in self.shape[1:])]
            described = f"{self.dtype} ({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
        return described if self.default is None else f"{described}; {self.default} if not given"

    def sample(self) -> str:
        """Python code of a batch of one."""
        if self.dtype == "string" and len(self.shape) == 1:
            return 'tf.constant(["..."])'
        sizes = ["1", *("any" if size is None else str(size) for size in self.shape[1:])]
        return f"tf.zeros([{', '.join(sizes)}], tf.{self.dtype})"


@dataclass(frozen=True)
class Signature:
    """The tensors of the default serving function, by name."""

    inputs: Mapping[str, SignatureTensor]
    outputs: Mapping[str, SignatureTensor]


def signature_of(module: ServingModule, request: Mapping[str, Any], outputs: Mapping[str, Any]) -> Signature:
    """Describe the first endpoint of a serving module.

    Args:
        module: with the endpoint.
        request: example tensors of the required inputs, by name.
        outputs: specs of the outputs, by name.
    """
    function, _ = next(iter(module.endpoints().values()))
    optional = {
        name: SignatureTensor(parameter.default.dtype.name, (), parameter.default.numpy().item())
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is not parameter.empty
    }
    required = {name: _described(tensor) for name, tensor in request.items()}
    return Signature(required | optional, {name: _described(spec) for name, spec in outputs.items()})


def _described(tensor: Any) -> SignatureTensor:
    return SignatureTensor(tensor.dtype.name, (None, *tensor.shape[1:]))
