"""The weights of recurrent layers: how they start, what holds them back, and the products with them."""

from typing import Any, ClassVar

import keras
from keras import ops

from common.layers.checks import check_positive

# Prefix of the arguments, weights that they are for.
PARTS = ("kernel", "recurrent", "bias")


class RecurrentWeights(keras.layers.Layer):
    """The input weights W, the recurrent weights U and the bias b of a recurrent layer.

    Layer normalisation is applied to the products with the inputs and with the state (Ba et al., 2016).
    """

    # Number of blocks of `units` columns in the input and the recurrent weights.
    gates = 1
    # The name in a file of weights, and that of Keras's layer with the same weights, where they differ.
    saved_names: ClassVar[tuple[str, str]] = ("", "")

    def __init__(
        self,
        units: int,
        *,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        layer_normalization: bool = False,
        **kwargs: Any,
    ) -> None:
        """Set up the weights.

        Args:
            units: width of the state.
            use_bias: whether to add a bias.
            kernel_initializer: of the input weights.
            recurrent_initializer: of the recurrent weights.
            bias_initializer: of the bias.
            kernel_regularizer: of the input weights.
            recurrent_regularizer: of the recurrent weights.
            bias_regularizer: of the bias.
            kernel_constraint: of the input weights.
            recurrent_constraint: of the recurrent weights.
            bias_constraint: of the bias.
            layer_normalization: whether to normalise both products.
            kwargs: of keras.layers.Layer.
        """
        super().__init__(**kwargs)
        check_positive(units=units)
        self.units = units
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = keras.regularizers.get(recurrent_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.recurrent_constraint = keras.constraints.get(recurrent_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.layer_normalization = layer_normalization

    @property
    def state_width(self) -> int:
        """Features of the state that is multiplied by the recurrent weights."""
        return self.units

    def build_input_weights(self, features: int) -> None:
        """Create the weights that `project` uses."""
        self.kernel = self._add("kernel", (features, self.gates * self.units), self.kernel_initializer)

    def build_recurrent_weights(self) -> None:
        """Create the weights that `advance` uses."""
        width = self.gates * self.units
        self.recurrent_kernel = self._add("recurrent", (self.state_width, width), self._recurrent_weights)
        self.bias = self._add_bias() if self.use_bias else None
        if self.layer_normalization:
            self.input_scale = self.add_weight((width,), initializer="ones", name="input_scale")
            self.recurrent_scale = self.add_weight((width,), initializer="ones", name="recurrent_scale")

    def share_input_weights(self, other: "RecurrentWeights") -> None:
        """Use the input weights and the bias of another layer of the same kind."""
        self.kernel = other.kernel
        use_bias, self.use_bias = self.use_bias, False
        self.build_recurrent_weights()
        self.use_bias, self.bias = use_bias, other.bias
        self.built = True

    def _add(self, part: str, shape: tuple[int, ...], initializer: Any, name: str | None = None) -> Any:
        """Add a weight with the regularizer and the constraint of one of PARTS."""
        return self.add_weight(
            shape,
            initializer=initializer,
            regularizer=getattr(self, f"{part}_regularizer"),
            constraint=getattr(self, f"{part}_constraint"),
            name=name or ("recurrent_kernel" if part == "recurrent" else part),
        )

    def _recurrent_weights(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        return self.recurrent_initializer(shape, dtype=dtype)

    def _add_bias(self) -> Any:
        return self._add("bias", (self.gates * self.units,), self.bias_initializer)

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

    def load_own_variables(self, store: Any) -> None:
        """Load the weights, also from a `.weights.h5` file of Keras's layer with the same weights."""
        if not len(store.keys()) and hasattr(store, "has_path"):
            # Keras's layers keep their weights in a cell; the group of a layer is named after its class.
            folder, slash, name = store._h5_entry_path.rpartition("/")
            cell = f"{folder}{slash}{name.replace(*self.saved_names)}/cell"
            store = store.get(cell) if store.has_path(f"{cell}/vars") else store
        super().load_own_variables(store)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        config = {
            "units": self.units,
            "use_bias": self.use_bias,
            "layer_normalization": self.layer_normalization,
        }
        modules = (keras.initializers, keras.regularizers, keras.constraints)
        for kind, module in zip(("initializer", "regularizer", "constraint"), modules, strict=True):
            for part in PARTS:
                name = f"{part}_{kind}"
                config[name] = module.serialize(getattr(self, name))
        return super().get_config() | config
