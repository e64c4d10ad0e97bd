"""Word vectors computed from characters."""

from typing import Any, Literal, get_args

import keras
from keras import ops

from common.layers.checks import check_fraction, check_one_of, check_positive
from common.layers.engines.policy import Implementation, chosen_implementation
from common.layers.parts import part_settings
from common.layers.sequence_pooling import SequencePooling
from common.layers.stacked_rnn import StackedRNN
from common.layers.windowed_dense import WindowedDense

Method = Literal["cnn", "rnn"]


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class CharacterEncoder(keras.layers.Layer):
    """Compute the vector of a word from its characters, so that unknown words have one too.

    With x_1 ... x_n the embedded characters of a word:
    cnn: max_i tanh(W [x_{i-k}; ...; x_i; ...; x_{i+k}] + b), the maximum of each feature over i
    rnn: [s^f_n; s^b_1], the last states of a forward and a backward recurrent layer

    Input: (batch, words, characters) integer character ids, 0 for padding.
    Output: (batch, words, width).
    Mask: 0 is masked, on either side of a word; a word without characters gives zeros. Passes on the mask
    (batch, words) of the words that have characters.

    Example:
        >>> encoder = CharacterEncoder("cnn", vocabulary_size=100, dimension=30, width=50)
        >>> encoder(keras.ops.ones((8, 20, 12), dtype="int32")).shape
        (8, 20, 50)

    Source: cnn: Ma and Hovy, "End-to-end sequence labeling via bi-directional LSTM-CNNs-CRF", 2016; rnn:
    Lample et al., "Neural architectures for named entity recognition", 2016.
    """

    def __init__(
        self,
        method: Method,
        vocabulary_size: int,
        dimension: int,
        width: int,
        window: int = 3,
        cell: Literal["elman", "lstm", "gru"] = "lstm",
        dropout: float = 0.0,
        implementation: Implementation | None = None,
        **kwargs: Any,
    ) -> None:
        """Set up the encoder.

        Args:
            method: cnn or rnn.
            vocabulary_size: number of character ids, including 0.
            dimension: width of a character vector.
            width: of a word vector; each direction of an rnn has half of it.
            window: width of the cnn's kernel in characters.
            cell: of an rnn: elman (tanh), lstm or gru.
            dropout: fraction of the features of the character vectors to drop.
            implementation: of RecurrentLayer.
            kwargs: of keras.layers.Layer.
        """
        super().__init__(**kwargs)
        check_one_of("method", method, get_args(Method))
        check_positive(vocabulary_size=vocabulary_size, dimension=dimension, width=width, window=window)
        check_fraction(dropout=dropout)
        if method == "rnn" and width % 2:
            raise ValueError(f"The width {width} must be even: it is divided between two directions.")
        self.method = method
        self.vocabulary_size = vocabulary_size
        self.dimension = dimension
        self.width = width
        self.window = window
        self.cell = cell
        self.dropout = dropout
        self.implementation = chosen_implementation(implementation)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)
        settings = part_settings(self)
        self.embedding = keras.layers.Embedding(vocabulary_size, dimension, name="embedding", **settings)
        self.embedding_dropout = keras.layers.Dropout(dropout, **settings)
        if method == "cnn":
            self.convolution = WindowedDense(width, (window - 1) // 2, window // 2, **settings)
            self.pooling = SequencePooling("max", **settings)
        else:
            self.recurrent_layer = StackedRNN(
                cell, width // 2, return_sequences=False, implementation=implementation, **settings
            )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights for inputs (batch, words, characters)."""
        self.embedding.build(input_shape)
        layer = self.convolution if self.method == "cnn" else self.recurrent_layer
        layer.build((None, None, self.dimension))
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """(batch, words, characters) to (batch, words, width)."""
        batch, words = ops.shape(inputs)[0], ops.shape(inputs)[1]
        # The words of all sentences become one batch of character sequences.
        characters = ops.reshape(inputs, (batch * words, ops.shape(inputs)[2]))
        mask = ops.not_equal(characters, 0)  # (batch * words, characters)
        vectors = self.embedding_dropout(self.embedding(characters), training=training)
        if self.method == "cnn":
            outputs = self.pooling(self.convolution(vectors, mask=mask), mask=mask)
        else:
            outputs = self.recurrent_layer(vectors, mask=mask, training=training)
        return ops.reshape(outputs, (batch, words, self.width))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Mask (batch, words) of the words that have characters."""
        return ops.any(ops.not_equal(inputs, 0), axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, words, width)."""
        return (*input_shape[:2], self.width)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "method": self.method,
            "vocabulary_size": self.vocabulary_size,
            "dimension": self.dimension,
            "width": self.width,
            "window": self.window,
            "cell": self.cell,
            "dropout": self.dropout,
            "implementation": self.implementation,
        }
