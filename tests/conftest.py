"""What tests share: folders of their own for runs, exports and data, and a small run that has ended."""

import gc
import os
import shutil
from pathlib import Path

import pytest
from support.once import made_once
from support.review_case import train_small, use_folders

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# Two workers share two cores: each test process keeps to one.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

# The longest files: pytest-xdist hands files out in order, and a long one at the end leaves a core idle.
LONG_FILES = (
    "tasks/captioning/test_contract.py",
    "common/answering/test_export.py",
    "tasks/translation/test_task.py",
    "tasks/name_tagging/test_task.py",
    "tasks/forecasting/test_task.py",
    "common/learning/test_training.py",
    "common/cli/test_new_task.py",
    "common/layers/test_attention_decoder.py",
    "tasks/translation/test_model.py",
    "common/cli/test_app.py",
    "common/layers/test_recurrent_layers.py",
)


def pytest_collection_modifyitems(items):
    places = {Path(__file__).parent / file: place for place, file in enumerate(LONG_FILES)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_collection_finish():
    """Modules and tests stay: Python's search for garbage, a tenth of the time, need not visit them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """Folders of the test's own for runs, exports and prepared data."""
    use_folders(monkeypatch, tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A small sentiment run that has ended: its folders. Trained once; each test process has a copy."""
    made = made_once(tmp_path_factory, "trained", train_small)
    return shutil.copytree(made, tmp_path_factory.mktemp("copy") / "trained")


@pytest.fixture
def trained_workspace(trained, monkeypatch):
    """The small run's folders, named in the environment."""
    use_folders(monkeypatch, trained)
    return trained
