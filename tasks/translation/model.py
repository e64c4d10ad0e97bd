"""The translator: a bidirectional encoder, and a decoder that attends to it."""

from typing import Any, Self

import keras
from keras import ops

from common.inputs.words import PADDING, UNKNOWN
from common.layers.attention_decoder import AttentionDecoder
from common.layers.sequence_pooling import SequencePooling
from common.layers.stacked_rnn import StackedRNN
from common.layers.word_dropout import WordDropout
from tasks.translation.config import ModelSettings, TranslationSettings


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class Translator(keras.Model):
    """Sequence to sequence with attention.

    h_1 ... h_n = encoder(embeddings of the source), s_0 from their mean
    a_t = decoder(embedding of y_{t-1}, s_{t-1}, attention over h), see AttentionDecoder
    z_t = E (W a_t) + b, where E is the embedding matrix of the target, if it is tied

    Input: {"source": (batch, pieces), "written": (batch, steps)} int32, padded with 0 at the end; `written`
    is the previous piece of each step, starting with the boundary.
    Output: logits (batch, steps, target size) float32.

    A search calls `encode` and `begin` once, and `step` for each step.

    Source: Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and translate",
    2015; Luong, Pham and Manning, "Effective approaches to attention-based neural machine translation", 2015;
    tied embeddings: Press and Wolf, "Using the output embedding to improve language models", 2017.
    """

    def __init__(self, model: dict[str, Any], source_size: int, target_size: int, **kwargs: Any) -> None:
        """Create and build all layers.

        Args:
            model: values of ModelSettings.
            source_size: size of the source vocabulary, including padding, unknown and boundary.
            target_size: likewise for the target.
            kwargs: of keras.Model.
        """
        super().__init__(**kwargs)
        self.configuration = model
        self.source_size = source_size
        self.target_size = target_size
        self.options = ModelSettings(**model)
        self._make_encoder(self.options)
        self._make_decoder(self.options)
        self.built = True

    def _make_encoder(self, options: ModelSettings) -> None:
        width = options.embedding_dimension
        self.source_dropout = WordDropout(options.word_dropout, replacement=UNKNOWN)
        self.target_embedding = keras.layers.ReversibleEmbedding(
            self.target_size,
            width,
            tie_weights=options.tied_embeddings != "none",
            # With a larger deviation the logits of a tied matrix would be too large.
            embeddings_initializer=keras.initializers.RandomNormal(stddev=width**-0.5),
            name="target_vectors",
        )
        self.target_embedding.build((None, None))
        if options.tied_embeddings == "all":
            self.source_embedding = self.target_embedding
        else:
            self.source_embedding = keras.layers.Embedding(
                self.source_size,
                width,
                embeddings_initializer=keras.initializers.RandomNormal(stddev=width**-0.5),
                name="source_vectors",
            )
            self.source_embedding.build((None, None))
        self.embedding_dropout = keras.layers.Dropout(options.embedding_dropout, (None, 1, None))
        self.encoder = StackedRNN(
            options.cell,
            options.encoder_units,
            layers=options.encoder_layers,
            dropout=options.recurrent_dropout,
            variational=True,
            name="encoder",
        )
        self.encoder.build((None, None, width))
        self.memory_dropout = keras.layers.Dropout(options.memory_dropout)
        self.summary = SequencePooling("mean", name="summary")

    def _make_decoder(self, options: ModelSettings) -> None:
        width, memory_width = options.embedding_dimension, 2 * options.encoder_units
        self.decoder = AttentionDecoder(
            options.cell,
            options.decoder_units,
            layers=options.decoder_layers,
            attention=options.attention,
            input_feeding=options.input_feeding,
            dropout=options.recurrent_dropout,
            name="decoder",
        )
        self.decoder.build((None, None, width), (None, memory_width), (None, None, memory_width))
        self.output_dropout = keras.layers.Dropout(options.output_dropout)
        self.output_projection = keras.layers.Dense(width, use_bias=False, name="output")
        self.output_projection.build((None, None, options.decoder_units))
        self.output_bias = self.add_weight((self.target_size,), initializer="zeros", name="output_bias")

    def encode(self, source: Any, training: bool = False) -> tuple[Any, Any, Any]:
        """Encode the source.

        Args:
            source: (batch, pieces).
            training: whether to apply dropout.

        Returns:
            Memory (batch, pieces, features), its mask (batch, pieces), and its mean (batch, features).
        """
        mask = ops.not_equal(source, PADDING)
        vectors = self.source_embedding(self.source_dropout(source, training=training))
        vectors = self.embedding_dropout(vectors, training=training)  # (batch, pieces, embedding)
        memory = self.encoder(vectors, mask=mask, training=training)
        memory = self.memory_dropout(memory, training=training)
        return memory, mask, self.summary(memory, mask=mask)

    def begin(self, memory: Any, mask: Any, summary: Any) -> tuple[Any, dict[str, Any]]:
        """Return the decoder's initial states, and the source's tensors for all steps, from `encode`."""
        return self.decoder.initial_states(summary), self.decoder.prepare(memory, mask)

    def logits(self, outputs: Any) -> Any:
        """Convert outputs of the decoder (..., decoder_units) to logits (..., target size) in float32."""
        vectors = self.output_projection(outputs)
        logits = self.target_embedding(vectors, reverse=True)
        return ops.cast(logits, "float32") + ops.cast(self.output_bias, "float32")

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """Compute the logits of every step, given the true previous pieces."""
        memory, mask, summary = self.encode(inputs["source"], training)
        vectors = self.embedding_dropout(self.target_embedding(inputs["written"]), training=training)
        sampling = self.options.scheduled_sampling if training else 0.0
        outputs = self.decoder(
            vectors,
            summary,
            memory,
            memory_mask=mask,
            sample=self._vectors_of_own_pieces if sampling > 0 else None,
            sampling_probability=sampling,
            training=training,
        )  # (batch, steps, decoder_units)
        return self.logits(self.output_dropout(outputs, training=training))

    def _vectors_of_own_pieces(self, outputs: Any) -> Any:
        """Convert outputs of one step (batch, decoder_units) to embeddings of the most likely pieces."""
        return self.target_embedding(ops.argmax(self.logits(outputs), axis=-1))

    def step(self, pieces: Any, states: Any, memory: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Compute one step of a search.

        Args:
            pieces: (rows,), the previous pieces.
            states: of the decoder.
            memory: from `begin`.

        Returns:
            Logits (rows, target size), states, and attention weights (rows, source pieces).
        """
        outputs, states, weights = self.decoder.step(self.target_embedding(pieces), states, memory)
        return self.logits(outputs), states, weights

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Create the model of a configuration; those before version 0.2 also have an engine."""
        config = {name: value for name, value in config.items() if name != "implementation"}
        return super().from_config(config)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "model": self.configuration,
            "source_size": self.source_size,
            "target_size": self.target_size,
        }


def build_model(settings: TranslationSettings, source_size: int, target_size: int) -> Translator:
    """Build the translator.

    Args:
        settings: of the run.
        source_size: size of the source vocabulary, including padding, unknown and boundary.
        target_size: likewise for the target.
    """
    return Translator(settings.model.model_dump(), source_size, target_size, name="translator")
