"""A recurrent decoder with attention, the same in training and in search."""

from collections.abc import Callable
from typing import Any, Literal, Self, get_args

import keras
from keras import ops

from common.layers.bahdanau_attention import BahdanauAttention
from common.layers.checks import check_fraction, check_one_of, check_positive
from common.layers.engines.policy import Implementation, chosen_implementation
from common.layers.engines.time_loop import run_over_time
from common.layers.luong_attention import LuongAttention, Score
from common.layers.parts import part_settings
from common.layers.saved_config import with_units
from common.layers.stacked_rnn import CELLS, Cell


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class AttentionDecoder(keras.layers.Layer):
    """Stack of recurrent layers that reads the previous tokens and attends to a memory at each step.

    s_{-1} = tanh(W_0 summary + b_0), for each state of each layer
    u_t = [x_t; c_t; a_{t-1}], c_t only with Bahdanau attention, a_{t-1} only with input feeding
    s_t = cells(u_t, s_{t-1})
    c_t = sum_j softmax_j(e(q_t, m_j)) m_j, q_t = s_{t-1} (Bahdanau) or s_t (Luong), of the top layer
    c_t <- sigmoid(W_g q_t + b_g) * c_t, with a context gate
    a_t = tanh(W_c [s_t; c_t])

    Without attention a_t = s_t: the encoded image or sentence enters only through the summary, at the first
    step.

    A call takes the whole target (teacher forcing). A search calls `initial_states` and `prepare` once, then
    `step` for each step; both give the same outputs.

    Input: inputs (batch, time, features), vectors of the tokens before the ones to predict; summary
    (batch, width), the encoder's final or mean state; memory (batch, memory time, memory features), only with
    attention. For images the memory is a feature map (batch, regions, features).
    Output: (batch, time, units); with `return_weights` also (batch, time, memory time).
    Mask: of the inputs (batch, time), passed on; a masked step leaves the states unchanged. `memory_mask`
    (batch, memory time); masked steps are not attended to.

    Example:
        >>> decoder = AttentionDecoder("lstm", units=64, attention="general", input_feeding=True)
        >>> memory = keras.ops.ones((8, 20, 128))
        >>> decoder(keras.ops.ones((8, 10, 32)), memory[:, -1], memory).shape
        (8, 10, 64)

    Source: Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and translate",
    2015; Luong, Pham and Manning, "Effective approaches to attention-based neural machine translation", 2015
    (input feeding); Xu et al., "Show, attend and tell", 2015 (context gate); Gal and Ghahramani, "A
    theoretically grounded application of dropout in recurrent neural networks", 2016 (variational dropout).
    """

    def __init__(
        self,
        cell: Cell,
        units: int,
        layers: int = 1,
        attention: Literal["bahdanau"] | Score | None = "bahdanau",
        input_feeding: bool = False,
        context_gate: bool = False,
        residual: bool = False,
        dropout: float = 0.0,
        implementation: Implementation | None = None,
        **kwargs: Any,
    ) -> None:
        """Set up the decoder.

        Args:
            cell: elman (tanh), lstm or gru.
            units: width of each layer and of the output.
            layers: number of recurrent layers, at least 1.
            attention: bahdanau, or the score of Luong's attention; None for no attention.
            input_feeding: whether a step also gets the output of the previous step as input.
            context_gate: whether a gate scales the context, so that the decoder can ignore it.
            residual: whether each layer except the first adds its input to its output.
            dropout: fraction of each recurrent layer's input features to drop, the same ones at every step of
                a sequence.
            implementation: of RecurrentLayer.
            kwargs: of keras.layers.Layer.

        Raises:
            ValueError: if an argument has no valid value, or not with the others.
        """
        super().__init__(**kwargs)
        check_one_of("cell", cell, CELLS)
        check_positive(units=units, layers=layers)
        check_one_of("attention", attention, ("bahdanau", *get_args(Score), None))
        check_fraction(dropout=dropout)
        if attention is None and (input_feeding or context_gate):
            raise ValueError("Input feeding and a context gate need attention.")
        self.cell = cell
        self.units = units
        self.layers = layers
        self.attention = attention
        self.input_feeding = input_feeding
        self.context_gate = context_gate
        self.residual = residual
        self.dropout = dropout
        self.implementation = chosen_implementation(implementation)
        self.supports_masking = True
        settings = part_settings(self)
        self.recurrent_layers = [
            CELLS[cell](units, return_sequences=True, implementation=implementation, **settings)
            for _ in range(layers)
        ]
        self.seed_generator = keras.random.SeedGenerator()
        self.dropout_layer = keras.layers.Dropout(dropout, **settings)
        if attention == "bahdanau":
            self.attention_layer = BahdanauAttention(units, **settings)
        elif attention is not None:
            self.attention_layer = LuongAttention(attention, **settings)
        if attention is not None:
            self.readout = keras.layers.Dense(
                units, activation="tanh", use_bias=False, name="readout", **settings
            )

    def build(
        self,
        inputs_shape: tuple[int | None, ...],
        summary_shape: tuple[int | None, ...],
        memory_shape: tuple[int | None, ...] | None = None,
    ) -> None:
        """Create the weights for these shapes of inputs, summary and memory."""
        width = inputs_shape[-1]
        if self.attention is not None:
            if memory_shape is None:
                raise ValueError("A decoder with attention needs a memory.")
            context_width = memory_shape[-1]
            self.attention_layer.build((None, self.units), memory_shape)
            self.readout.build((None, None, self.units + context_width))
            if self.context_gate:
                self.gate = keras.layers.Dense(
                    context_width, activation="sigmoid", name="gate", **part_settings(self)
                )
                self.gate.build((None, None, self.units))
            width += context_width if self.attention == "bahdanau" else 0
            width += self.units if self.input_feeding else 0
        self.input_widths = [width] + [self.units] * (self.layers - 1)
        for layer, features in zip(self.recurrent_layers, self.input_widths, strict=True):
            layer.build((None, None, features))
        states = sum(len(layer.initial_state(1)) for layer in self.recurrent_layers)
        self.bridge = keras.layers.Dense(
            states * self.units, activation="tanh", name="bridge", **part_settings(self)
        )
        self.bridge.build((None, summary_shape[-1]))
        self.built = True

    def initial_states(self, summary: Any) -> dict[str, Any]:
        """States before the first step.

        Args:
            summary: (batch, width), the encoder's final or mean state, or an image's features.

        Returns:
            `recurrent`: for each layer the list of its states (batch, units); with input feeding also
            `fed`: the previous output, zeros (batch, units). The batch axis comes first, so that a search
            can repeat or gather them.
        """
        summary = ops.cast(summary, self.compute_dtype)
        bridged = self.bridge(summary)  # (batch, states * units)
        recurrent, start = [], 0
        for layer in self.recurrent_layers:
            end = start + len(layer.initial_state(1)) * self.units
            recurrent.append(ops.split(bridged[:, start:end], (end - start) // self.units, axis=-1))
            start = end
        states = {"recurrent": recurrent}
        if self.input_feeding:
            states["fed"] = ops.zeros((ops.shape(summary)[0], self.units), dtype=self.compute_dtype)
        return states

    def prepare(self, memory: Any, memory_mask: Any = None) -> dict[str, Any]:
        """Prepare a memory (batch, memory time, memory features) for all steps; see Attention.prepare."""
        return self.attention_layer.prepare(ops.cast(memory, self.compute_dtype), memory_mask)

    def step(
        self, inputs: Any, states: dict[str, Any], memory: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any], Any]:
        """One step of a search.

        Args:
            inputs: (batch, features), vectors of the last tokens.
            states: from `initial_states` or the previous step.
            memory: from `prepare`; None without attention.

        Returns:
            Outputs (batch, units), states, and weights (batch, memory time) or None without attention.
        """
        inputs = ops.cast(inputs, self.compute_dtype)
        outputs, weights, states = self._step(inputs, states, memory, dropout_masks=None)
        return states["fed"] if "fed" in states else self._read_out(outputs), states, weights

    def call(
        self,
        inputs: Any,
        summary: Any,
        memory: Any = None,
        mask: Any = None,
        memory_mask: Any = None,
        return_weights: bool = False,
        sample: Callable[[Any], Any] | None = None,
        sampling_probability: Any = 0.0,
        training: bool = False,
    ) -> Any:
        """Run over the whole target.

        Args:
            inputs: (batch, time, features), vectors of the tokens before the ones to predict.
            summary: (batch, width), the encoder's final or mean state.
            memory: (batch, memory time, memory features) to attend to.
            mask: (batch, time) of the inputs.
            memory_mask: (batch, memory time).
            return_weights: whether to return the attention weights too.
            sample: for scheduled sampling (Bengio et al., 2015), function from outputs (batch, units)
                to vectors (batch, features) of the tokens that the model would predict.
            sampling_probability: of giving a step, except the first, such a vector as its input.
            training: whether to apply dropout.

        Returns:
            Outputs (batch, time, units), and weights (batch, time, memory time) if `return_weights`.
        """
        mask = None if mask is None else ops.cast(mask, "bool")
        states = self.initial_states(summary)
        dropout_masks = self._dropout_masks(ops.shape(inputs)[0], training)
        prepared = None if self.attention is None else self.prepare(memory, memory_mask)
        if self.attention == "bahdanau" or self.input_feeding or sample is not None:
            outputs, weights = self._loop(
                inputs, states, prepared, dropout_masks, mask, sample, sampling_probability
            )
        else:
            # No step depends on the attention of the previous one: run the layers, then attend for all steps.
            top, weights = self._run(inputs, states, dropout_masks, mask, training), None
            if self.attention is not None:
                context, weights = self._attend(top, prepared)
                top = ops.concatenate([top, context], axis=-1)
            outputs = self._read_out(top)
        return (outputs, weights) if return_weights else outputs

    def _dropout_masks(self, batch: Any, training: bool) -> list[Any] | None:
        """Dropout masks (batch, width) of each layer's inputs, shared by all steps; None for no dropout."""
        if not training or self.dropout == 0:
            return None
        ones = [ops.ones((batch, width), dtype=self.compute_dtype) for width in self.input_widths]
        return [self.dropout_layer(tensor, training=True) for tensor in ones]

    def _attend(self, query: Any, memory: dict[str, Any]) -> tuple[Any, Any]:
        """Context and weights for queries (batch, units) or (batch, time, units)."""
        context, weights = self.attention_layer.attend(query, memory)
        return (self.gate(query) * context if self.context_gate else context), weights

    def _read_out(self, outputs: Any) -> Any:
        """a_t from [s_t; c_t], for one step or all steps."""
        return outputs if self.attention is None else self.readout(outputs)

    def _step(
        self,
        inputs: Any,
        states: dict[str, Any],
        memory: dict[str, Any] | None,
        dropout_masks: list[Any] | None,
    ) -> tuple[Any, Any, dict[str, Any]]:
        """[s_t; c_t], or s_t without attention; weights; states, with `fed` = a_t if `states` has it."""
        joined, weights = [inputs], None
        if self.attention == "bahdanau":
            context, weights = self._attend(states["recurrent"][-1][0], memory)
            joined.append(context)
        if self.input_feeding:
            joined.append(states["fed"])
        outputs = ops.concatenate(joined, axis=-1)  # (batch, input width)
        recurrent = []
        for number, layer in enumerate(self.recurrent_layers):
            below = outputs
            dropped = self._dropped(below, dropout_masks, number)
            above, state = layer.step(dropped, states["recurrent"][number])
            outputs = above + below if self.residual and number > 0 else above
            recurrent.append([ops.cast(part, self.compute_dtype) for part in state])
        outputs = ops.cast(outputs, self.compute_dtype)
        if self.attention is not None:
            if self.attention != "bahdanau":
                context, weights = self._attend(outputs, memory)
            outputs = ops.concatenate([outputs, context], axis=-1)
        new_states = {"recurrent": recurrent}
        if "fed" in states:
            new_states["fed"] = self._read_out(outputs)
        return outputs, weights, new_states

    def _run(
        self,
        inputs: Any,
        states: dict[str, Any],
        dropout_masks: list[Any] | None,
        mask: Any,
        training: bool,
    ) -> Any:
        """s_t for all steps at once: (batch, time, features) to (batch, time, units)."""
        if dropout_masks is not None:
            dropout_masks = [ops.expand_dims(dropout_mask, 1) for dropout_mask in dropout_masks]
        outputs = inputs
        for number, layer in enumerate(self.recurrent_layers):
            below = outputs
            # Not a call, which puts zeros where nothing has been read yet: the loop does not either.
            dropped = self._dropped(below, dropout_masks, number)
            above, _ = layer.run(dropped, states["recurrent"][number], mask, training)
            outputs = above + below if self.residual and number > 0 else above
        return outputs

    @staticmethod
    def _dropped(inputs: Any, dropout_masks: list[Any] | None, number: int) -> Any:
        return inputs if dropout_masks is None else inputs * dropout_masks[number]

    def _loop(
        self,
        inputs: Any,
        states: dict[str, Any],
        memory: dict[str, Any] | None,
        dropout_masks: list[Any] | None,
        mask: Any,
        sample: Callable[[Any], Any] | None,
        sampling_probability: Any,
    ) -> tuple[Any, Any]:
        """Outputs and weights of all steps, computed one step after another."""
        batch, time = ops.shape(inputs)[0], ops.shape(inputs)[1]
        steps = {"inputs": inputs}
        if mask is not None:
            steps["mask"] = mask
        if sample is not None:
            chances = keras.random.uniform((batch, time), seed=self.seed_generator)
            # The first step has no previous token that the model could have predicted.
            later = ops.arange(time) > 0
            steps["sampled"] = ops.logical_and(later, chances < sampling_probability)
            states = states | {"fed": ops.zeros((batch, self.units), dtype=self.compute_dtype)}

        def step(
            step_inputs: dict[str, Any], states: dict[str, Any]
        ) -> tuple[dict[str, Any], dict[str, Any]]:
            vectors = step_inputs["inputs"]
            if sample is not None:
                sampled = ops.cast(sample(states["fed"]), self.compute_dtype)
                vectors = ops.where(ops.expand_dims(step_inputs["sampled"], -1), sampled, vectors)
            step_outputs, weights, new_states = self._step(vectors, states, memory, dropout_masks)
            outputs = {"outputs": new_states.get("fed", step_outputs)}
            if weights is not None:
                outputs["weights"] = weights
            if mask is not None:
                step_mask = ops.expand_dims(step_inputs["mask"], -1)  # (batch, 1)
                new_states = keras.tree.map_structure(
                    lambda new, old: ops.where(step_mask, new, old), new_states, states
                )
            return outputs, new_states

        width = self.units
        if "fed" not in states:
            width += memory["memory"].shape[-1]
        outputs = {"outputs": ops.zeros((batch, width), dtype=self.compute_dtype)}
        if memory is not None:
            outputs["weights"] = ops.zeros_like(memory["mask"], dtype=self.compute_dtype)
        outputs, _ = run_over_time(step, steps, states, outputs)
        every = outputs["outputs"] if "fed" in states else self._read_out(outputs["outputs"])
        return every, outputs.get("weights")

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Pass the inputs' mask on."""
        return mask

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build the layer from a configuration, also one saved with earlier argument names."""
        return super().from_config(with_units(config))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "cell": self.cell,
            "units": self.units,
            "layers": self.layers,
            "attention": self.attention,
            "input_feeding": self.input_feeding,
            "context_gate": self.context_gate,
            "residual": self.residual,
            "dropout": self.dropout,
            "implementation": self.implementation,
        }
