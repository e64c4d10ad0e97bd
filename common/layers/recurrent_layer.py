"""Base class of recurrent layers: project the inputs, carry states through time, respect the mask."""

import abc
from typing import Any, ClassVar

import keras
from keras import ops

from common.layers.engines.policy import Engine, Implementation, implementation_policy
from common.layers.engines.time_loop import run_over_time

States = list[Any]


class RecurrentLayer(keras.layers.Layer, abc.ABC):
    """Apply the same step at every time step: s_t = step(x_t, s_{t-1}); y_t is the first of the states s_t.

    The product of the inputs with the input weights, which does not depend on s_{t-1}, is computed for all
    steps at once before the loop over time.

    Dropout is variational: the same features are dropped at every step of a sequence (Gal and Ghahramani,
    2016). In training, zoneout keeps each element of a state unchanged with a given probability; in inference
    it uses the expected value (Krueger et al., 2017). Layer normalisation is applied to the products with the
    inputs and with the state (Ba et al., 2016).

    Input: (batch, time, features).
    Output: (batch, time, output width), or (batch, output width) if not `return_sequences`; followed by the
    states after the last step, each (batch, width), if `return_state`.
    Mask: (batch, time); a masked step leaves the states unchanged and repeats the previous output, so that
    padding on either side changes nothing.
    """

    # Number of blocks of `units` columns in the input and the recurrent weights.
    gates = 1
    number_of_states = 1
    # Engines besides the loop that can compute the layer with its default equations.
    engines: ClassVar[frozenset[Engine]] = frozenset()

    def __init__(
        self,
        units: int,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        layer_normalization: bool = False,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        implementation: Implementation | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Set up the layer.

        Args:
            units: width of the state.
            use_bias: whether to add a bias.
            kernel_initializer: of the input weights.
            recurrent_initializer: of the recurrent weights.
            bias_initializer: of the bias.
            dropout: fraction of the input features to drop, the same ones at every step.
            recurrent_dropout: fraction of the state to drop before the recurrent product, the same elements
                at every step.
            zoneout: fraction of the state to keep unchanged at a step.
            layer_normalization: whether to normalise both products.
            return_sequences: whether to return every step or only the last.
            return_state: whether to return the states after the last step too.
            go_backwards: whether to process and return the sequence in reverse.
            implementation: auto trains an LSTM or GRU on a CPU in C where possible, and runs inference of an
                LSTM on a single sequence in one operation; loop, needed by XLA, does neither; None
                follows `implementation_policy`.
            seed: of dropout and zoneout.
            kwargs: of keras.layers.Layer.
        """
        super().__init__(**kwargs)
        self.units = units
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.zoneout = zoneout
        self.layer_normalization = layer_normalization
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.implementation = implementation or implementation_policy()
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    @property
    def output_width(self) -> int:
        """Features of an output step."""
        return self.units

    @property
    def state_width(self) -> int:
        """Features of the state that is multiplied by the recurrent weights."""
        return self.units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs (batch, time, features)."""
        self.build_input_weights(input_shape[-1])
        self.build_recurrent_weights()
        self.built = True

    def build_input_weights(self, features: int) -> None:
        """Create the weights that `project` uses."""
        width = self.gates * self.units
        self.kernel = self.add_weight((features, width), initializer=self.kernel_initializer, name="kernel")

    def build_recurrent_weights(self) -> None:
        """Create the weights that `advance` uses."""
        width = self.gates * self.units
        self.recurrent_kernel = self.add_weight(
            (self.state_width, width), initializer=self._recurrent_weights, name="recurrent_kernel"
        )
        self.bias = self._add_bias() if self.use_bias else None
        if self.layer_normalization:
            self.input_scale = self.add_weight((width,), initializer="ones", name="input_scale")
            self.recurrent_scale = self.add_weight((width,), initializer="ones", name="recurrent_scale")

    def share_input_weights(self, other: "RecurrentLayer") -> None:
        """Use the input weights and the bias of another layer of the same kind."""
        self.kernel = other.kernel
        use_bias, self.use_bias = self.use_bias, False
        self.build_recurrent_weights()
        self.use_bias, self.bias = use_bias, other.bias
        self.built = True

    def _recurrent_weights(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        return self.recurrent_initializer(shape, dtype=dtype)

    def _add_bias(self) -> Any:
        return self.add_weight((self.gates * self.units,), initializer=self.bias_initializer, name="bias")

    def project(self, inputs: Any) -> Any:
        """W x_t + b: inputs (..., features) to (..., gates * units)."""
        projected = ops.matmul(ops.cast(inputs, self.compute_dtype), self._cast(self.kernel))
        if self.layer_normalization:
            projected = self._normalized_state(projected) * self._cast(self.input_scale)
        bias = self._input_bias()
        return projected if bias is None else projected + bias

    def _input_bias(self) -> Any:
        return None if self.bias is None else self._cast(self.bias)

    def _recurrent_product(self, state: Any) -> Any:
        """U h_{t-1}: state (batch, units) to (batch, gates * units)."""
        product = ops.matmul(state, self._cast(self.recurrent_kernel))
        if self.layer_normalization:
            product = self._normalized_state(product) * self._cast(self.recurrent_scale)
        return product

    @staticmethod
    def _normalized_state(inputs: Any) -> Any:
        """Normalise the last axis to zero mean and unit variance, in at least float32."""
        exact = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        mean, variance = ops.mean(exact, -1, keepdims=True), ops.var(exact, -1, keepdims=True)
        return ops.cast((exact - mean) / ops.sqrt(variance + 1e-5), inputs.dtype)

    def _cast(self, weight: Any) -> Any:
        # A step may run outside `call`, where Keras does not autocast.
        return ops.cast(weight, self.compute_dtype)

    @abc.abstractmethod
    def advance(self, projected: Any, states: States, dropout_mask: Any = None) -> States:
        """Compute one step.

        Args:
            projected: (batch, gates * units), from `project`.
            states: each (batch, width).
            dropout_mask: (batch, width), multiplied with the state before the recurrent product; None for
                no dropout.

        Returns:
            The states after the step.
        """

    def initial_state(self, batch_size: Any) -> States:
        """Zeros (batch, width), one for each state."""
        shape = (batch_size, self.state_width)
        return [ops.zeros(shape, dtype=self.compute_dtype) for _ in range(self.number_of_states)]

    def step(self, inputs: Any, states: States) -> tuple[Any, States]:
        """One step, for decoding and streaming: inputs (batch, features) to output (batch, output width)."""
        states = self._apply_zoneout(self.advance(self.project(inputs), states), states, None)
        return states[0], states

    def call(self, inputs: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """(batch, time, features) to outputs, followed by the states if `return_state`."""
        outputs, states = self.run(inputs, initial_state, mask, training, reverse=self.go_backwards)
        if not self.return_sequences:
            outputs = states[0]
        elif self.go_backwards:
            outputs = ops.flip(outputs, axis=1)
        return (outputs, *states) if self.return_state else outputs

    def run(
        self,
        inputs: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
        reverse: bool = False,
    ) -> tuple[Any, States]:
        """Run over sequences; outputs are in the order of the inputs, in either direction.

        Args:
            inputs: (batch, time, features).
            initial_state: the states before the first step; zeros if None.
            mask: (batch, time).
            training: whether to apply dropout and zoneout.
            reverse: whether to start at the last step.

        Returns:
            Outputs (batch, time, output width), and the states after the last processed step.
        """
        batch = ops.shape(inputs)[0]
        inputs = self._apply_dropout(inputs) if training else inputs
        states = self.initial_state(batch) if initial_state is None else keras.tree.flatten(initial_state)
        states = [ops.cast(state, self.compute_dtype) for state in states]
        mask = None if mask is None else ops.cast(mask, "bool")
        engine = self.engine(training, inputs.shape[0])
        if engine == "compiled":
            return self._run_compiled(self.project(inputs), mask, states, reverse)
        if engine == "single":
            return self._run_single(inputs, mask, states, reverse)
        if engine == "single_or_loop":
            import tensorflow as tf

            return tf.cond(
                tf.equal(tf.shape(inputs)[0], 1),
                lambda: self._run_single(inputs, mask, states, reverse),
                lambda: self._run_loop(inputs, mask, states, training, reverse),
            )
        return self._run_loop(inputs, mask, states, training, reverse)

    def engine(self, training: bool, batch: int | None) -> Engine:
        """Choose the engine for a batch of sequences; all engines give the same outputs.

        Inference and exports use `single` and `loop`, which consist of TensorFlow operations. `compiled` is
        for training on a CPU with a C compiler installed.

        Args:
            training: whether the outputs are used for training.
            batch: static batch size; None if unknown.
        """
        if not self._supports_engines():
            return "loop"
        if training:
            return "compiled" if "compiled" in self.engines and _has_compiler() else "loop"
        if "single" not in self.engines or batch not in (None, 1):
            return "loop"
        return "single" if batch == 1 else "single_or_loop"

    def _supports_engines(self) -> bool:
        """Whether the layer uses nothing that only the loop implements."""
        options = (self.recurrent_dropout, self.zoneout, self.layer_normalization)
        if self.implementation == "loop" or any(options) or self.compute_dtype != "float32":
            return False
        return keras.backend.backend() == "tensorflow" and self._has_default_equations()

    def _has_default_equations(self) -> bool:
        """Whether the layer computes what the other engines do: default activations in the default order."""
        return False

    def _run_compiled(self, projected: Any, mask: Any, states: States, reverse: bool) -> tuple[Any, States]:
        """Like `_run_loop`, in C, from projected inputs (batch, time, width)."""
        raise NotImplementedError

    def _run_single(self, inputs: Any, mask: Any, states: States, reverse: bool) -> tuple[Any, States]:
        """Like `_run_loop`, for one sequence (1, time, features), in one operation."""
        raise NotImplementedError

    def _apply_dropout(self, inputs: Any) -> Any:
        """Drop features of inputs (batch, time, features), the same ones at all steps of a sequence."""
        if self.dropout == 0:
            return inputs
        shape = (ops.shape(inputs)[0], 1, inputs.shape[-1])
        return inputs * self._dropout_mask(shape, self.dropout)

    def _dropout_mask(self, shape: tuple[Any, ...], rate: float) -> Any:
        """0 with probability `rate`, else 1 / (1 - rate)."""
        return keras.random.dropout(ops.ones(shape, dtype=self.compute_dtype), rate, seed=self.seed_generator)

    def _run_loop(
        self, inputs: Any, mask: Any, states: States, training: bool, reverse: bool
    ) -> tuple[Any, States]:
        """Loop over the time steps of inputs (batch, time, features)."""
        batch, time = ops.shape(inputs)[0], ops.shape(inputs)[1]
        # Transpose before the projection, whose output is wider than the inputs.
        steps = {"projected": self.project(ops.swapaxes(inputs, 0, 1))}
        if mask is not None:
            steps["mask"] = ops.swapaxes(mask, 0, 1)
        if training and self.zoneout > 0:
            shape = (time, batch, self.number_of_states, self.state_width)
            steps["zoneout"] = keras.random.uniform(shape, seed=self.seed_generator) < self.zoneout
        dropout_mask = None
        if training and self.recurrent_dropout > 0:
            dropout_mask = self._dropout_mask((batch, self.state_width), self.recurrent_dropout)
        if reverse:
            steps = {name: ops.flip(tensor, axis=0) for name, tensor in steps.items()}

        def step(now: dict[str, Any], states: States) -> tuple[Any, States]:
            new = self.advance(now["projected"], states, dropout_mask)
            new = self._apply_zoneout(new, states, now.get("zoneout"))
            if mask is not None:
                step_mask = ops.expand_dims(now["mask"], -1)  # (batch, 1)
                new = [ops.where(step_mask, n, o) for n, o in zip(new, states, strict=True)]
            return new[0], new

        outputs, states = run_over_time(step, steps, states, states[0], time_major=True)
        return (ops.flip(outputs, axis=1) if reverse else outputs), states

    def _apply_zoneout(self, new: States, old: States, zoneout_mask: Any) -> States:
        """Mix new states with old ones; zoneout_mask (batch, states, width) only in training."""
        if self.zoneout == 0:
            return new
        if zoneout_mask is None:
            return [self.zoneout * o + (1 - self.zoneout) * n for n, o in zip(new, old, strict=True)]
        pairs = enumerate(zip(new, old, strict=True))
        return [ops.where(zoneout_mask[:, number], o, n) for number, (n, o) in pairs]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Pass the mask on if every step is returned."""
        if mask is not None and self.go_backwards:
            mask = ops.flip(mask, axis=1)
        mask = mask if self.return_sequences else None
        return [mask] + [None] * self.number_of_states if self.return_state else mask

    def compute_output_shape(self, input_shape: tuple[int | None, ...], *_: Any) -> Any:
        """(batch, time, output width), or (batch, output width); then the states if they are returned."""
        batch = input_shape[0]
        steps = (batch, input_shape[1]) if self.return_sequences else (batch,)
        outputs = (*steps, self.output_width)
        if not self.return_state:
            return outputs
        return (outputs, *[(batch, self.state_width)] * self.number_of_states)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "units": self.units,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "zoneout": self.zoneout,
            "layer_normalization": self.layer_normalization,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "implementation": self.implementation,
            "seed": self.seed,
        }


def _has_compiler() -> bool:
    # Imported here: other backends do not need TensorFlow.
    from common.layers.engines import compiled

    return compiled.operations() is not None
