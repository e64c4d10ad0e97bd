"""A small captioner, and two captions that it reads."""

import keras
import numpy as np

from common.config import load_settings
from common.contract.find import TASKS_FOLDER
from common.inputs.subwords import BOUNDARY
from tasks.captioning.config import CaptioningSettings
from tasks.captioning.model import build_model

FOLDER = TASKS_FOLDER / "captioning"
SMALL = {
    "model.encoder": "small_cnn",
    "model.pretrained": False,
    "model.frozen": False,
    "model.memory_units": 12,
    "model.embedding_dimension": 8,
    "model.decoder_units": 10,
}
INPUTS = {
    "pixels": np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8),
    "written": np.array([[BOUNDARY, 3, 4, 5, 3], [BOUNDARY, 6, 6, 0, 0]], np.int32),
}


def settings_with(**overrides):
    values = SMALL | {key.replace("__", "."): value for key, value in overrides.items()}
    return load_settings(CaptioningSettings, FOLDER, "default", values)


def model_with(size=9, **overrides):
    keras.utils.set_random_seed(1)
    return build_model(settings_with(**overrides), size)
