import io
import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from common.inputs.image_weights import MANUAL_FILE, PACKAGE_FILE, efficientnet_lite0_weights, read_torch_file
from common.layers.image_encoder import ImageEncoder

MANUAL = Path(os.environ.get("TFDS_MANUAL_DIR", ""))
# Read before any fixture changes it.
DATA = os.environ.get("TFDS_DATA_DIR")


class Name:
    """Pickled as a name in a module that does not exist here."""

    def __init__(self, module, name):
        self.line = f"c{module}\n{name}\n".encode()


class Storage:
    """Pickled as a reference to data that follows the pickles."""

    def __init__(self, size):
        self.identity = ("storage", Name("torch", "FloatStorage"), "7", "cpu", size, None)


class TorchPickler(pickle._Pickler):
    """Pickles PyTorch's names without PyTorch."""

    def save(self, value, save_persistent_id=True):
        if isinstance(value, Name):
            self.write(value.line)
        else:
            super().save(value, save_persistent_id)

    def persistent_id(self, value):
        return value.identity if isinstance(value, Storage) else None


def write_torch_file(path, function=("torch._utils", "_rebuild_tensor_v2"), strides=(1, 2), count=6):
    """Write a file with one tensor (2, 3), with the numbers 0 to 5 column by column."""
    buffer = io.BytesIO()
    for value in (119547037146038801333356, 1001, {"little_endian": True}):
        pickle.dump(value, buffer, protocol=2)
    pickler = TorchPickler(buffer, protocol=2)
    buffer.write(pickle.PROTO + b"\x02" + pickle.EMPTY_DICT + pickle.MARK)
    for value in ("weight", Name(*function), (Storage(6), 0, (2, 3), strides, False, OrderedDict())):
        pickler.save(value)
    buffer.write(pickle.REDUCE + pickle.SETITEMS + pickle.STOP)
    pickle.dump(["7"], buffer, protocol=2)
    buffer.write(struct.pack("<q", count) + np.arange(6, dtype="<f4").tobytes())
    path.write_bytes(buffer.getvalue())
    return path


def test_tensors_are_read_with_their_strides(tmp_path):
    tensors = read_torch_file(write_torch_file(tmp_path / "weights.pth"))
    np.testing.assert_array_equal(tensors["weight"], [[0, 2, 4], [1, 3, 5]])


def test_nothing_in_a_file_is_run(tmp_path):
    path = write_torch_file(tmp_path / "weights.pth", function=("os", "system"))
    with pytest.raises(UserError, match=r"weights\.pth is not a weights file \(os\.system is not allowed"):
        read_torch_file(path)


@pytest.mark.parametrize("wrong", [{"strides": (1, 3)}, {"strides": (-1, 2)}, {"count": 7}])
def test_tensors_stay_inside_their_data(tmp_path, wrong):
    with pytest.raises(UserError, match=r"weights\.pth is damaged"):
        read_torch_file(write_torch_file(tmp_path / "weights.pth", **wrong))


def test_truncated_files(tmp_path):
    content = write_torch_file(tmp_path / "weights.pth").read_bytes()
    for length in (0, 10, 60, len(content) // 2, len(content) - 3):
        (tmp_path / "cut.pth").write_bytes(content[:length])
        with pytest.raises(UserError, match=r"cut\.pth is"):
            read_torch_file(tmp_path / "cut.pth")


def placed():
    return pytest.mark.skipif(
        "TFDS_MANUAL_DIR" not in os.environ or not (MANUAL / MANUAL_FILE).is_file(),
        reason=f"{MANUAL_FILE} is not in the folder that TFDS_MANUAL_DIR names",
    )


@placed()
def test_placed_weights_fit_every_layer():
    encoder = ImageEncoder("efficientnet_lite0", trainable=False)
    encoder.load_pretrained()
    with_weights = {layer.name for layer in encoder.network.layers if layer.weights}
    assert set(efficientnet_lite0_weights()) == with_weights
    assert encoder.network.count_params() == 3_413_024
    # Features of a plain grey image: some are active, most are zero.
    features = encoder(np.full((1, 96, 96, 3), 127.0, np.float32)).numpy()
    assert features.shape == (1, 9, 1280)
    assert 0 <= features.min() <= features.max() <= 6
    assert 0.02 < np.mean(features > 0) < 0.6


def test_placed_file_that_is_damaged(tmp_path, monkeypatch):
    (tmp_path / MANUAL_FILE).parent.mkdir()
    monkeypatch.setenv("TFDS_MANUAL_DIR", str(tmp_path))
    np.savez(tmp_path / MANUAL_FILE, **{"stem.conv": np.zeros((3, 3, 3, 32), np.float32)})
    with pytest.raises(UserError, match=r"weights of efficientnet_lite0 for stem_bn do not have the shapes"):
        ImageEncoder("efficientnet_lite0").load_pretrained()
    archive = (tmp_path / MANUAL_FILE).read_bytes()
    for content in (b"no archive", b"", archive[: len(archive) // 2]):
        (tmp_path / MANUAL_FILE).write_bytes(content)
        with pytest.raises(UserError, match=r"efficientnet_lite0_imagenet\.npz is damaged"):
            efficientnet_lite0_weights()


@placed()
@pytest.mark.slow
def test_the_package_holds_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", DATA or str(tmp_path))
    there = efficientnet_lite0_weights()
    monkeypatch.setenv("TFDS_MANUAL_DIR", str(tmp_path))
    packaged = efficientnet_lite0_weights()
    assert there.keys() == packaged.keys()
    for name, arrays in there.items():
        for one, other in zip(arrays, packaged[name], strict=True):
            # Bit for bit: recorded scores must not depend on the source of the weights.
            np.testing.assert_array_equal(one, other)
    assert PACKAGE_FILE.endswith(".pth")
