"""What every recurrent layer does: project the inputs, carry states through time, honour the mask."""

import abc
from typing import Any, ClassVar

import keras
from keras import ops

from common.layers.engines.policy import Engine, Implementation, implementation_policy
from common.layers.engines.time_loop import run_over_time

States = list[Any]


class RecurrentLayer(keras.layers.Layer, abc.ABC):
    """Apply the same step at every time step: s_t = step(x_t, s_{t-1}), y_t = the first of the states s_t.

    What does not depend on s_{t-1}, the product of the inputs with the input weights, is computed for all
    steps at once before the loop over time.

    Dropout is variational: the same numbers are dropped at every step of a sequence (Gal and Ghahramani,
    2016). Zoneout keeps a number of a state as it was with a given probability in training, and takes the
    mean of both in use (Krueger et al., 2017). Layer normalisation scales the products with inputs and with
    the state (Ba et al., 2016).

    Input: (batch, time, features).
    Output: (batch, time, output width), or (batch, output width) if not `return_sequences`; followed by the
    states after the last step, each (batch, width), if `return_state`.
    Mask: (batch, time); a masked step leaves the states as they were and repeats the output before it, so
    that padding on either side changes nothing.
    """

    # Blocks of the width of the states that the input and the recurrent weights yield.
    gates = 1
    number_of_states = 1
    # What can compute the layer as it usually is, beside the loop.
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
            use_bias: whether there is a bias.
            kernel_initializer: of the input weights.
            recurrent_initializer: of the recurrent weights.
            bias_initializer: of the bias.
            dropout: share of the inputs dropped, the same at every step.
            recurrent_dropout: share of the state dropped before the recurrent product, the same at every
                step.
            zoneout: share of the state that stays as it was.
            layer_normalization: whether both products are normalised.
            return_sequences: whether every step is returned or the last alone.
            return_state: whether the states after the last step are returned too.
            go_backwards: whether the sequence is read, and returned, from its end.
            implementation: auto trains an LSTM or GRU on a CPU in C where it can, and answers one sequence
                alone with an LSTM in one operation; loop never does, as XLA needs it; None: as
                `implementation_policy` says.
            seed: of the dropout.
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
        """Features of the state that is multiplied with the recurrent weights."""
        return self.units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs (batch, time, features)."""
        self.build_input_weights(input_shape[-1])
        self.build_recurrent_weights()
        self.built = True

    def build_input_weights(self, features: int) -> None:
        """Create what `project` uses."""
        width = self.gates * self.units
        self.kernel = self.add_weight((features, width), initializer=self.kernel_initializer, name="kernel")

    def build_recurrent_weights(self) -> None:
        """Create what `advance` uses."""
        width = self.gates * self.units
        self.recurrent_kernel = self.add_weight(
            (self.state_width, width), initializer=self._recurrent_weights, name="recurrent_kernel"
        )
        self.bias = self._add_bias() if self.use_bias else None
        if self.layer_normalization:
            self.input_scale = self.add_weight((width,), initializer="ones", name="input_scale")
            self.recurrent_scale = self.add_weight((width,), initializer="ones", name="recurrent_scale")

    def share_input_weights(self, other: "RecurrentLayer") -> None:
        """Take over the input weights and the bias of another layer of the same kind, instead of own ones."""
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
        """W x_t + b of inputs (..., features): (..., gates * units)."""
        projected = ops.matmul(ops.cast(inputs, self.compute_dtype), self._cast(self.kernel))
        if self.layer_normalization:
            projected = self._normalized_state(projected) * self._cast(self.input_scale)
        bias = self._input_bias()
        return projected if bias is None else projected + bias

    def _input_bias(self) -> Any:
        return None if self.bias is None else self._cast(self.bias)

    def _recurrent_product(self, state: Any) -> Any:
        """U h_{t-1} of a state (batch, units): (batch, gates * units)."""
        product = ops.matmul(state, self._cast(self.recurrent_kernel))
        if self.layer_normalization:
            product = self._normalized_state(product) * self._cast(self.recurrent_scale)
        return product

    @staticmethod
    def _normalized_state(numbers: Any) -> Any:
        """(..., width) less its mean, over its standard deviation."""
        exact = ops.cast(numbers, keras.backend.result_type(numbers.dtype, "float32"))
        mean, variance = ops.mean(exact, -1, keepdims=True), ops.var(exact, -1, keepdims=True)
        return ops.cast((exact - mean) / ops.sqrt(variance + 1e-5), numbers.dtype)

    def _cast(self, weight: Any) -> Any:
        # A step may be made outside of the call, where Keras does not do it.
        return ops.cast(weight, self.compute_dtype)

    @abc.abstractmethod
    def advance(self, projected: Any, states: States, kept: Any = None) -> States:
        """Make one step.

        Args:
            projected: (batch, gates * units), from `project`.
            states: each (batch, width).
            kept: (batch, width), what of the state is multiplied with the recurrent weights; None: all.

        Returns:
            The states after the step.
        """

    def initial_state(self, batch_size: Any) -> States:
        """Zeros (batch, width), one for each state."""
        shape = (batch_size, self.state_width)
        return [ops.zeros(shape, dtype=self.compute_dtype) for _ in range(self.number_of_states)]

    def step(self, inputs: Any, states: States) -> tuple[Any, States]:
        """One step, for decoding and streaming: inputs (batch, features) to output (batch, output width)."""
        states = self._zoned_out(self.advance(self.project(inputs), states), states, None)
        return states[0], states

    def call(self, inputs: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """(batch, time, features) to outputs, and states if asked for."""
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
        """Run over sequences, outputs at the places of their steps whichever way they are read.

        Args:
            inputs: (batch, time, features).
            initial_state: the states before the first step; zeros if None.
            mask: (batch, time).
            training: whether there is dropout.
            reverse: read from the end.

        Returns:
            Outputs (batch, time, output width), and the states after the last step read.
        """
        batch = ops.shape(inputs)[0]
        inputs = self._dropped_out(inputs) if training else inputs
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
        """Choose what computes a batch of sequences; all engines give the same numbers.

        Answers and exports use `single` and `loop`, which are made of TensorFlow's operations. `compiled` is
        for training on a CPU, where there is a compiler.

        Args:
            training: whether weights are learned from the outputs.
            batch: number of sequences; None if it is not known yet.
        """
        if not self._is_plain():
            return "loop"
        if training:
            return "compiled" if "compiled" in self.engines and _compiler_is_there() else "loop"
        if "single" not in self.engines or batch not in (None, 1):
            return "loop"
        return "single" if batch == 1 else "single_or_loop"

    def _is_plain(self) -> bool:
        """Whether nothing is asked for that only the loop knows."""
        options = (self.recurrent_dropout, self.zoneout, self.layer_normalization)
        if self.implementation == "loop" or any(options) or self.compute_dtype != "float32":
            return False
        return keras.backend.backend() == "tensorflow" and self._is_usual()

    def _is_usual(self) -> bool:
        """Whether the layer computes what its other engines do: the usual activations, in the usual order."""
        return False

    def _run_compiled(self, projected: Any, mask: Any, states: States, reverse: bool) -> tuple[Any, States]:
        """As `_run_loop`, in C, from projected inputs (batch, time, width)."""
        raise NotImplementedError

    def _run_single(self, inputs: Any, mask: Any, states: States, reverse: bool) -> tuple[Any, States]:
        """As `_run_loop`, of one sequence (1, time, features), in one operation."""
        raise NotImplementedError

    def _dropped_out(self, inputs: Any) -> Any:
        """Inputs (batch, time, features) without what is dropped from all steps of a sequence."""
        if self.dropout == 0:
            return inputs
        shape = (ops.shape(inputs)[0], 1, inputs.shape[-1])
        return inputs * self._noise(shape, self.dropout)

    def _noise(self, shape: tuple[Any, ...], rate: float) -> Any:
        """Zeros with probability rate, else 1 / (1 - rate)."""
        return keras.random.dropout(ops.ones(shape, dtype=self.compute_dtype), rate, seed=self.seed_generator)

    def _run_loop(
        self, inputs: Any, mask: Any, states: States, training: bool, reverse: bool
    ) -> tuple[Any, States]:
        """Loop over the steps of inputs (batch, time, features)."""
        batch, time = ops.shape(inputs)[0], ops.shape(inputs)[1]
        # Time and batch are exchanged before the product, which is wider than the inputs.
        steps = {"projected": self.project(ops.swapaxes(inputs, 0, 1))}
        if mask is not None:
            steps["mask"] = ops.swapaxes(mask, 0, 1)
        if training and self.zoneout > 0:
            shape = (time, batch, self.number_of_states, self.state_width)
            steps["stays"] = keras.random.uniform(shape, seed=self.seed_generator) < self.zoneout
        kept = None
        if training and self.recurrent_dropout > 0:
            kept = self._noise((batch, self.state_width), self.recurrent_dropout)
        if reverse:
            steps = {name: ops.flip(tensor, axis=0) for name, tensor in steps.items()}

        def step(now: dict[str, Any], states: States) -> tuple[Any, States]:
            new = self._zoned_out(self.advance(now["projected"], states, kept), states, now.get("stays"))
            if mask is not None:
                there = ops.expand_dims(now["mask"], -1)  # (batch, 1)
                new = [ops.where(there, after, before) for after, before in zip(new, states, strict=True)]
            return new[0], new

        outputs, states = run_over_time(step, steps, states, states[0], time_major=True)
        return (ops.flip(outputs, axis=1) if reverse else outputs), states

    def _zoned_out(self, new: States, old: States, stays: Any) -> States:
        """Mix the states after a step with those before it; stays (batch, states, width) in training."""
        if self.zoneout == 0:
            return new
        if stays is None:
            return [self.zoneout * o + (1 - self.zoneout) * n for n, o in zip(new, old, strict=True)]
        return [ops.where(stays[:, number], o, n) for number, (n, o) in enumerate(zip(new, old, strict=True))]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Pass the mask on if every step is returned."""
        if mask is not None and self.go_backwards:
            mask = ops.flip(mask, axis=1)
        mask = mask if self.return_sequences else None
        return [mask] + [None] * self.number_of_states if self.return_state else mask

    def compute_output_shape(self, input_shape: tuple[int | None, ...], *_: Any) -> Any:
        """(batch, time, output width), or (batch, output width); and the states' if they are returned."""
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


def _compiler_is_there() -> bool:
    # Imported here: it needs TensorFlow, which another backend does without.
    from common.layers.engines import compiled

    return compiled.operations() is not None
