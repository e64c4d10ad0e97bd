"""Base class of recurrent layers: project the inputs, carry states through time, respect the mask."""

import abc
from collections.abc import Callable
from typing import Any, ClassVar, Self

import keras
from keras import ops

from common.layers.checks import check_fraction
from common.layers.engines.policy import Engine, Implementation, chosen_implementation
from common.layers.engines.time_loop import run_over_time
from common.layers.recurrent_states import States, StateVariables, check_stateful_shape, given_states
from common.layers.recurrent_weights import RecurrentWeights


class RecurrentLayer(RecurrentWeights, abc.ABC):
    """Apply the same step at every time step: s_t = step(x_t, s_{t-1}); y_t is the first of the states s_t.

    The product of the inputs with the input weights, which does not depend on s_{t-1}, is computed for all
    steps at once before the loop over time.

    Dropout is variational: the same features are dropped at every step of a sequence (Gal and Ghahramani,
    2016). In training, zoneout keeps each element of a state unchanged with a given probability; in inference
    it uses the expected value (Krueger et al., 2017).

    Input: (batch, time, features).
    Output: (batch, time, output width), or (batch, output width) if not `return_sequences`; followed by the
    states after the last step, each (batch, width), if `return_state`.
    Mask: (batch, time); a masked step leaves the states unchanged, so that padding on either side changes
    nothing. Its output is that of the last unmasked step, zeros before the first one, as in Keras; or always
    zeros with `zero_output_for_mask`. `run` does not make that last distinction: before the first unmasked
    step it gives the initial state. With `go_backwards` the mask is passed on reversed, like the outputs.
    """

    number_of_states = 1
    # Engines beside the loop, of layers that have them; arguments and results as of `_run_loop`, but that the
    # first takes projected inputs (batch, time, width), the second one sequence (1, time, features).
    _run_compiled: ClassVar[Callable[..., tuple[Any, States]] | None] = None
    _run_single: ClassVar[Callable[..., tuple[Any, States]] | None] = None

    def __init__(
        self,
        units: int,
        *,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        implementation: Implementation | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Set up the layer.

        Args:
            units: width of the state.
            dropout: fraction of the input features to drop, the same ones at every step.
            recurrent_dropout: fraction of the state to drop before the recurrent product, the same elements
                at every step.
            zoneout: fraction of the state to keep unchanged at a step.
            return_sequences: whether to return every step or only the last.
            return_state: whether to return the states after the last step too.
            go_backwards: whether to process and return the sequence in reverse.
            stateful: whether a batch starts with the states after the batch before; see `reset_state`.
            unroll: whether to repeat the step in the graph instead of looping; the time must be known.
            zero_output_for_mask: whether the output of a masked step is zeros.
            implementation: auto trains an LSTM or GRU on a CPU in C where possible, and runs inference of an
                LSTM on a single sequence in one operation; loop does neither. None follows
                `implementation_policy`. Under XLA only the loop is used.
            seed: of dropout and zoneout.
            kwargs: of RecurrentWeights and keras.layers.Layer.

        Raises:
            ValueError: if an argument has no valid value.
        """
        super().__init__(units, **kwargs)
        check_fraction(dropout=dropout, recurrent_dropout=recurrent_dropout, zoneout=zoneout)
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.zoneout = zoneout
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.implementation = chosen_implementation(implementation)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self._kept_states: StateVariables | None = None

    @property
    def output_width(self) -> int:
        """Features of an output step."""
        return self.units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs (batch, time, features)."""
        self.build_input_weights(input_shape[-1])
        self.build_recurrent_weights()
        self._build_states(input_shape)
        self.built = True

    def _build_states(self, input_shape: tuple[int | None, ...]) -> None:
        if self.stateful:
            check_stateful_shape(input_shape)
            self._kept_states = StateVariables(self.initial_state(input_shape[0]), self.variable_dtype)

    @property
    def states(self) -> States | None:
        """The variables with the states of a stateful layer; None for other layers."""
        return None if self._kept_states is None else self._kept_states.variables

    def reset_state(self) -> None:
        """Let a stateful layer start with zeros again."""
        if self._kept_states is not None:
            self._kept_states.reset()

    # The name in earlier versions of Keras.
    reset_states = reset_state

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

    def get_initial_state(self, batch_size: Any) -> States:
        """Keras's name of `initial_state`."""
        return self.initial_state(batch_size)

    def call(self, inputs: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """(batch, time, features) to outputs, followed by the states if `return_state`."""
        outputs, states = self.run(inputs, initial_state, mask, training, reverse=self.go_backwards)
        starts_with_zeros = initial_state is None and not self.stateful
        if not self.return_sequences:
            outputs = self.last_output(states, mask, starts_with_zeros, self.go_backwards)
        else:
            outputs = self.masked_outputs(outputs, mask, starts_with_zeros, self.go_backwards)
            outputs = ops.flip(outputs, axis=1) if self.go_backwards else outputs
        return (outputs, *states) if self.return_state else outputs

    def masked_outputs(self, outputs: Any, mask: Any, starts_with_zeros: bool, reverse: bool) -> Any:
        """Outputs (batch, time, width) of `run`, with zeros where masked steps have them."""
        if mask is None or (starts_with_zeros and not self.zero_output_for_mask):
            return outputs
        steps = ops.cast(mask, "int32")  # (batch, time)
        if not self.zero_output_for_mask:  # Up to and including each step, in the order of processing.
            steps = ops.cumsum(ops.flip(steps, axis=1) if reverse else steps, axis=1)
            steps = ops.flip(steps, axis=1) if reverse else steps
        return ops.where(ops.expand_dims(steps > 0, -1), outputs, ops.zeros_like(outputs))

    def last_output(self, states: States, mask: Any, starts_with_zeros: bool, reverse: bool) -> Any:
        """Output (batch, width) of the step that is processed last, from the states after it."""
        if mask is None or (starts_with_zeros and not self.zero_output_for_mask):
            return states[0]
        mask = ops.cast(mask, "bool")
        if self.zero_output_for_mask:  # Slices: there may be no steps.
            mask = mask[:, :1] if reverse else mask[:, -1:]
        return ops.where(ops.any(mask, axis=1, keepdims=True), states[0], ops.zeros_like(states[0]))

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
            initial_state: the states before the first step; if None, those that a stateful layer kept, else
                zeros.
            mask: (batch, time); a masked step repeats the previous states.
            training: whether to apply dropout and zoneout.
            reverse: whether to start at the last step.

        Returns:
            Outputs (batch, time, output width), and the states after the last processed step.
        """
        if getattr(self, "use_cudnn", "auto") is True:
            raise ValueError("use_cudnn must be 'auto' or False to call a layer: cuDNN is not used.")
        inputs = ops.cast(inputs, self.compute_dtype)
        inputs = self._apply_dropout(inputs) if training else inputs
        states = [ops.cast(state, self.compute_dtype) for state in self._first_states(inputs, initial_state)]
        mask = None if mask is None else ops.cast(mask, "bool")
        outputs, states = self._run(inputs, states, mask, training, reverse)
        if self._kept_states is not None:
            self._kept_states.assign(states)
        return outputs, states

    def _first_states(self, inputs: Any, initial_state: Any) -> States:
        """The states before the first step."""
        if self._kept_states is not None:
            self._kept_states.check_batch(inputs.shape[0])
            if initial_state is None:
                return self._kept_states.variables
        if initial_state is None:
            return self.initial_state(ops.shape(inputs)[0])
        widths = [self.state_width] * self.number_of_states
        return given_states(keras.tree.flatten(initial_state), widths, inputs)

    def _run(
        self, inputs: Any, states: States, mask: Any, training: bool, reverse: bool
    ) -> tuple[Any, States]:
        """Run over sequences with the engine for them."""
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
        """Choose the engine for a batch of sequences; all engines give the same outputs and gradients.

        Inference and exports use `single` and `loop`, which consist of TensorFlow operations. `compiled` is
        for training on a CPU with a C compiler installed. XLA can only compile `loop`.

        Args:
            training: whether the outputs are used for training.
            batch: static batch size; None if unknown.
        """
        if not self._supports_engines():
            return "loop"
        if training:
            return "compiled" if self._run_compiled is not None and _has_compiler() else "loop"
        if self._run_single is None or batch not in (None, 1):
            return "loop"
        return "single" if batch == 1 else "single_or_loop"

    def _supports_engines(self) -> bool:
        """Whether the layer uses nothing that only the loop implements."""
        options = (self.recurrent_dropout, self.zoneout, self.layer_normalization, self.unroll)
        if self.implementation == "loop" or any(options) or self.compute_dtype != "float32":
            return False
        if keras.backend.backend() != "tensorflow" or not self._has_default_equations():
            return False
        return not _is_compiled_by_xla()

    def _has_default_equations(self) -> bool:
        """Whether the layer computes what the other engines do: default activations in the default order."""
        return False

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

        outputs, states = run_over_time(step, steps, states, states[0], time_major=True, unroll=self.unroll)
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

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build the layer from a configuration, also that of Keras's layer with the same weights."""
        # A number says how Keras multiplies, not what it computes.
        ignored = ["implementation"] if isinstance(config.get("implementation"), int) else []
        return super().from_config({name: value for name, value in config.items() if name not in ignored})

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "zoneout": self.zoneout,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
            "implementation": self.implementation,
            "seed": self.seed,
        }


def _has_compiler() -> bool:
    # Imported here: other backends do not need TensorFlow.
    from common.layers.engines import compiled

    return compiled.operations() is not None


def _is_compiled_by_xla() -> bool:
    import tensorflow as tf

    return tf.__internal__.get_enclosing_xla_context() is not None
