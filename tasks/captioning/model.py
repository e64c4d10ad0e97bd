"""The captioner: a convolutional encoder and a recurrent decoder."""

from typing import Any, Self

import keras
import tensorflow as tf
from keras import ops

from common.answering.loading import load_model
from common.errors import UserError
from common.inputs.words import PADDING
from common.layers.attention_decoder import AttentionDecoder
from common.layers.image_encoder import ImageEncoder
from tasks.captioning.config import CaptioningSettings, ModelSettings
from tasks.captioning.first_stage import first_run
from tasks.captioning.self_critical import SelfCritical


@keras.saving.register_keras_serializable(package="rnn_task_suite")
class Captioner(keras.Model):
    """Image to logits of words.

    m_1 ... m_n = relu(W_m f_i + b_m), with the features f_i of the regions of the image; v = their mean
    init_inject: h_t = cells(y_{t-1}, h_{t-1}), h_{-1} from v: only the initial state depends on the image
    attend: h_t and the context vector, see AttentionDecoder; its initial state is from v, too
    merge: h_t = cells(y_{t-1}, h_{t-1}), h_{-1} the same for all images; a_t = tanh(W [h_t; v] + b)
    z_t = E (W a_t) + b, where E is the embedding matrix of the words, if it is tied

    In training, `attend` adds the doubly stochastic term, attention_cover * sum_i (1 - sum_t a_ti)^2, mean
    over the captions.

    Input: {"written": (batch, steps)} int32, the previous word of each step, padded with 0 at the end; and
    {"pixels": (batch, size, size, 3)} or {"features": (batch, regions, features)}.
    Output: logits (batch, steps, vocabulary size) float32.

    A search calls `encode` and `begin` once, and `step` for each step.

    Source: init_inject: Karpathy and Fei-Fei, "Deep visual-semantic alignments for generating image
    descriptions", 2015, and Vinyals et al., "Show and tell", 2015; attend: Xu et al., "Show, attend and
    tell", 2015; merge: Tanti, Gatt and Camilleri, "What is the role of recurrent neural networks (RNNs) in an
    image caption generator?", 2017.
    """

    def __init__(self, model: dict[str, Any], vocabulary_size: int, **kwargs: Any) -> None:
        """Create and build all layers.

        Args:
            model: values of ModelSettings.
            vocabulary_size: of the captions, including padding, unknown and boundary.
            kwargs: of keras.Model.
        """
        super().__init__(**kwargs)
        self.configuration = model
        self.vocabulary_size = vocabulary_size
        self.options = options = ModelSettings(**model)
        self.encoder = ImageEncoder(
            options.encoder,
            options.hypercolumns,
            options.pretrained,
            trainable=not options.frozen,
            name="encoder",
        )
        self.memory_projection = keras.layers.Dense(options.memory_units, activation="relu", name="memory")
        self.memory_projection.build((None, None, self.encoder.features))
        self.memory_dropout = keras.layers.Dropout(options.memory_dropout)
        self._make_words(options)
        self._make_decoder(options)
        # Set before training, if the objective is not the likelihood.
        self.self_critical: SelfCritical | None = None
        if options.objective == "cider":
            self.sampling_seed = keras.random.SeedGenerator()
        self.built = True

    def _make_words(self, options: ModelSettings) -> None:
        width = options.embedding_dimension
        self.embedding = keras.layers.ReversibleEmbedding(
            self.vocabulary_size,
            width,
            tie_weights=options.tied_embeddings,
            # With a larger deviation the logits of a tied matrix would be too large.
            embeddings_initializer=keras.initializers.RandomNormal(stddev=width**-0.5),
            name="word_vectors",
        )
        self.embedding.build((None, None))
        self.embedding_dropout = keras.layers.Dropout(options.embedding_dropout, (None, 1, None))
        self.output_dropout = keras.layers.Dropout(options.output_dropout)
        self.output_projection = keras.layers.Dense(width, use_bias=False, name="output")
        self.output_projection.build((None, None, options.decoder_units))
        self.output_bias = self.add_weight((self.vocabulary_size,), initializer="zeros", name="output_bias")

    def _make_decoder(self, options: ModelSettings) -> None:
        self.attends, self.merges = options.decoder == "attend", options.decoder == "merge"
        self.decoder = AttentionDecoder(
            options.cell,
            options.decoder_units,
            layers=options.decoder_layers,
            attention=options.attention if self.attends else None,
            context_gate=options.context_gate and self.attends,
            dropout=options.recurrent_dropout,
            name="decoder",
        )
        memory_shape = (None, None, options.memory_units)
        self.decoder.build(
            (None, None, options.embedding_dimension),
            (None, options.memory_units),
            memory_shape if self.attends else None,
        )
        if self.merges:
            self.merging = keras.layers.Dense(options.decoder_units, activation="tanh", name="merging")
            self.merging.build((None, None, options.decoder_units + options.memory_units))

    def encode(self, images: dict[str, Any], training: bool = False) -> tuple[Any, Any]:
        """Encode images.

        Args:
            images: {"pixels": (batch, size, size, 3)}, or {"features": (batch, regions, features)}.
            training: whether to apply dropout.

        Returns:
            Memory (batch, regions, memory units), and its mean (batch, memory units).
        """
        features = images.get("features")
        if features is None:
            features = self.encoder(images["pixels"], training=training and not self.options.frozen)
        memory = self.memory_projection(ops.cast(features, self.compute_dtype))
        memory = self.memory_dropout(memory, training=training)
        return memory, ops.mean(memory, axis=1)

    def begin(self, memory: Any, summary: Any) -> tuple[Any, dict[str, Any]]:
        """Return the decoder's initial states, and the image's tensors for all steps; (batch, ...) each."""
        states = self.decoder.initial_states(self._first_input(summary))
        return states, self.decoder.prepare(memory) if self.attends else {"summary": summary}

    def step(self, words: Any, states: Any, picture: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Compute one step of a search.

        Args:
            words: (rows,), the previous words.
            states: of the decoder.
            picture: from `begin`.

        Returns:
            Logits (rows, vocabulary size), states, and attention weights (rows, regions) or None.
        """
        vectors = self.embedding(words)
        outputs, states, weights = self.decoder.step(vectors, states, picture if self.attends else None)
        return self.logits(self._with_image(outputs, picture.get("summary"))), states, weights

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """Compute the logits of every step, given the true previous words."""
        return self.write(*self.encode(inputs, training), inputs["written"], training)

    def write(self, memory: Any, summary: Any, written: Any, training: bool = False) -> Any:
        """Compute the logits of every step.

        Args:
            memory: (batch, regions, memory units), from `encode`.
            summary: (batch, memory units), its mean.
            written: (batch, steps), the previous word of each step.
            training: whether to apply dropout.
        """
        vectors = self.embedding_dropout(self.embedding(written), training=training)
        sampling = self.options.scheduled_sampling if training else 0.0

        def own_words(outputs: Any) -> Any:
            """Convert outputs of one step (batch, decoder units) to embeddings of the most likely words."""
            logits = self.logits(self._with_image(outputs, summary))
            return self.embedding(ops.argmax(logits, axis=-1))

        outputs = self.decoder(
            vectors,
            self._first_input(summary),
            memory if self.attends else None,
            return_weights=self.attends,
            sample=own_words if sampling > 0 else None,
            sampling_probability=sampling,
            training=training,
        )  # (batch, steps, decoder units)
        if self.attends:
            outputs, weights = outputs
            if training and self.options.attention_cover > 0:
                self.add_loss(self.options.attention_cover * uncovered(weights, written))
        outputs = self._with_image(outputs, summary)
        return self.logits(self.output_dropout(outputs, training=training))

    def logits(self, outputs: Any) -> Any:
        """Convert outputs of the decoder (..., decoder units) to logits (..., vocabulary size) in float32."""
        logits = self.embedding(self.output_projection(outputs), reverse=True)
        return ops.cast(logits, "float32") + ops.cast(self.output_bias, "float32")

    def _first_input(self, summary: Any) -> Any:
        """Return the vector for the initial states: zeros if the image is added after the decoder."""
        return ops.zeros_like(summary) if self.merges else summary

    def _with_image(self, outputs: Any, summary: Any) -> Any:
        """For `merge`, add the image to outputs (batch, decoder units) or (batch, steps, decoder units)."""
        if not self.merges:
            return outputs
        if len(outputs.shape) == 3:
            summary = ops.repeat(ops.expand_dims(summary, 1), ops.shape(outputs)[1], axis=1)
        return self.merging(ops.concatenate([outputs, summary], axis=-1))

    def train_step(self, data: tuple[dict[str, Any], Any]) -> dict[str, Any]:
        """Train on one batch, with the likelihood or the loss of `self_critical`."""
        if self.self_critical is None:
            return super().train_step(data)
        samples = self.self_critical.draw(self, data[0])
        with tf.GradientTape() as tape:
            loss = self.self_critical.loss(self, data[0], *samples)
            # Without scaling, small gradients would vanish in float16.
            scaled = self.optimizer.scale_loss(loss)
        self._loss_tracker.update_state(loss)
        gradients = tape.gradient(scaled, [weight.value for weight in self.trainable_weights])
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        return {"loss": self._loss_tracker.result()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Create the model of a configuration; those before version 0.2 also have an engine."""
        config = {name: value for name, value in config.items() if name != "implementation"}
        return super().from_config(config)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return super().get_config() | {
            "model": self.configuration,
            "vocabulary_size": self.vocabulary_size,
        }


def uncovered(weights: Any, written: Any) -> Any:
    """Compute the doubly stochastic term: mean over captions of sum_i (1 - sum_t a_ti)^2.

    Args:
        weights: (batch, steps, regions), attention of each step.
        written: (batch, steps), 0 at steps that are padding.

    Source: Xu et al., "Show, attend and tell", 2015, section 4.2.1.
    """
    counts = ops.cast(ops.not_equal(written, PADDING), weights.dtype)
    attended = ops.sum(weights * ops.expand_dims(counts, -1), axis=1)  # (batch, regions)
    return ops.cast(ops.mean(ops.sum((1 - attended) ** 2, axis=-1)), "float32")


def build_model(settings: CaptioningSettings, vocabulary_size: int) -> Captioner:
    """Build the captioner, with its initial weights.

    Args:
        settings: of the run.
        vocabulary_size: of the captions, including padding, unknown and boundary.

    Raises:
        UserError: pretrained weights cannot be fetched, or those of another run do not fit.
    """
    model = Captioner(settings.model.model_dump(), vocabulary_size, name="captioner")
    if settings.model.start_from:
        weights, others = load_model(first_run(settings), settings).get_weights(), model.get_weights()
        if [array.shape for array in weights] != [array.shape for array in others]:
            raise UserError(
                f"model.start_from={settings.model.start_from}: that run's weights do not fit; use the same "
                "model settings."
            )
        model.set_weights(weights)
    elif settings.model.pretrained:
        model.encoder.load_pretrained()
    return model


def frozen_encoder(settings: CaptioningSettings) -> ImageEncoder:
    """Create the encoder of the model without the rest.

    Raises:
        UserError: its weights cannot be fetched.
    """
    if settings.model.start_from:
        return load_model(first_run(settings), settings).encoder
    return pretrained_encoder(settings.model)


def pretrained_encoder(options: ModelSettings) -> ImageEncoder:
    """Create a frozen encoder with ImageNet weights.

    Raises:
        UserError: the weights cannot be fetched.
    """
    encoder = ImageEncoder(options.encoder, options.hypercolumns, trainable=False)
    encoder.load_pretrained()
    return encoder
