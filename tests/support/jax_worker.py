"""Run by test_portable.py in a separate process under JAX: the same layers as under TensorFlow."""

import importlib
import pickle
import sys
from pathlib import Path

import jax
import keras
import numpy as np
from keras import ops


def outputs_and_gradients(case):
    """Outputs of a compiled layer call, and the gradients of the sum of their squares."""
    kind = getattr(importlib.import_module(case["module"]), case["class"])
    layer = kind.from_config(case["config"])
    # Built from shapes only: building eagerly takes JAX seconds.
    shapes = [keras.KerasTensor(array.shape, dtype=array.dtype.name) for array in case["inputs"]]
    layer(*shapes, **case["options"])
    layer.set_weights(case["weights"])
    frozen = [variable.value for variable in layer.non_trainable_variables]

    @jax.jit
    def loss(weights, inputs):
        outputs, _ = layer.stateless_call(weights, frozen, *inputs, **case["options"])
        outputs = keras.tree.flatten(outputs)
        return sum(ops.sum(ops.cast(output, "float32") ** 2) for output in outputs), outputs

    values = [variable.value for variable in layer.trainable_variables]
    gradients, outputs = jax.grad(loss, has_aux=True)(values, case["inputs"])
    return {"outputs": [np.asarray(o) for o in outputs], "gradients": [np.asarray(g) for g in gradients]}


if __name__ == "__main__":
    assert keras.backend.backend() == "jax"
    cases = pickle.loads(Path(sys.argv[1]).read_bytes())
    found = {name: outputs_and_gradients(case) for name, case in cases.items()}
    Path(sys.argv[2]).write_bytes(pickle.dumps(found))
