"""Serving graph of a task that generates a sequence: ensembles, search and endpoints."""

import abc
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import tensorflow as tf

from common.contract.serving import Endpoint, ServingModule
from common.decoding.beam import beam_search
from common.decoding.step import Decoded, StepResult, agreed_logits
from common.inputs.subwords import BOUNDARY, SubwordText
from common.inputs.words import PADDING, UNKNOWN
from common.kinds.writing.settings import SearchSettings


class WritingModel(Protocol):
    """What the search needs of a model."""

    def step(self, pieces: Any, states: Any, memory: Any) -> tuple[Any, Any, Any]:
        """Compute one step of a search.

        Args:
            pieces: (rows,), the previous pieces.
            states: of the decoder, nested tensors (rows, ...).
            memory: constant over the steps, nested tensors (rows, ...).

        Returns:
            Logits (rows, vocabulary), states, and attention weights (rows, memory steps), if any.
        """


# Initial states of a model's decoder, and its memory; nested tensors (batch, ...).
Begun = tuple[Any, Any]


class WritingServing(ServingModule):
    """From inputs to generated sequences, with one model or an ensemble.

    An ensemble averages the models' probabilities, and their attention weights, at each step.

    Subclasses set the names of input and output, and implement `text` and `serve`.

    Attributes:
        input_name: of the input strings (batch,); also the argument of `serve`.
        output_name: of the best sequence (batch,); with an s appended, of the n best (batch, n_best).
        never_written: indices of pieces that are never generated.
        attends: whether the models have attention weights.
    """

    input_name: ClassVar[str]
    output_name: ClassVar[str]
    never_written: ClassVar[tuple[int, ...]] = (PADDING, UNKNOWN)
    attends: bool = False

    def __init__(self, preprocessing: Any, models: Sequence[WritingModel], search: SearchSettings) -> None:
        """Create the graph.

        Args:
            preprocessing: shared by the models.
            models: one, or an ensemble.
            search: settings of the search.
        """
        super().__init__()
        self.preprocessing = preprocessing
        self.models = models
        self.search_settings = search

    @property
    @abc.abstractmethod
    def text(self) -> SubwordText:
        """Vocabulary of the generated pieces."""

    @abc.abstractmethod
    def serve(self, given: tf.Tensor, beam: Any, n_best: Any) -> dict[str, tf.Tensor]:
        """Answer a batch.

        Args:
            given: (batch,) strings; subclasses name it as in `input_name`.
            beam: () beam size.
            n_best: () number of sequences for each input, at most `beam`.

        Returns:
            Those of `outputs`, and optionally others.
        """

    def outputs(self, texts: tf.Tensor, decoded: Decoded) -> dict[str, tf.Tensor]:
        """Return the outputs of `serve` by name.

        Args:
            texts: (batch, n_best), best first.
            decoded: the result of the search.

        Returns:
            The best text (batch,); all texts; `scores` (batch, n_best), minus infinity where the search found
            fewer than n_best.
        """
        return {self.output_name: texts[:, 0], f"{self.output_name}s": texts, "scores": decoded.scores}

    def search(
        self, begun: list[Begun], maximum_lengths: Any, beam: Any = None, n_best: Any = 1, **options: Any
    ) -> Decoded:
        """Search for the best sequences.

        Args:
            begun: initial states and memory of each model.
            maximum_lengths: (batch,) int32, maximum number of pieces; 0 for an empty sequence.
            beam: () beam size; None for the default.
            n_best: () number of sequences for each input, at most `beam`.
            options: further arguments of `beam_search`.
        """
        settings = self.search_settings
        beam = tf.maximum(settings.beam if beam is None else beam, 1)
        n_best = tf.clip_by_value(n_best, 1, beam)
        # The rows of one input are adjacent throughout the search, so its memory is only repeated once.
        memories = [
            tf.nest.map_structure(lambda part: tf.repeat(part, beam, axis=0), memory) for _, memory in begun
        ]
        mask = sum(
            tf.one_hot(number, self.text.size, on_value=float("-inf"), off_value=0.0)
            for number in self.never_written
        )

        def step(pieces: tf.Tensor, states: list[Any]) -> StepResult:
            results = [
                model.step(pieces, state, memory)
                for model, state, memory in zip(self.models, states, memories, strict=True)
            ]
            logits, states, weights = zip(*results, strict=True)
            record: Any = ()
            if self.attends:
                # The models of an ensemble may differ in precision.
                record = sum(tf.cast(model_weights, tf.float32) for model_weights in weights) / len(weights)
            return StepResult(agreed_logits(logits) + mask, list(states), record)

        return beam_search(
            step,
            [states for states, _ in begun],
            tf.fill(tf.shape(maximum_lengths), BOUNDARY),
            BOUNDARY,
            maximum_lengths,
            beam,
            n_best,
            length_penalty=settings.length_penalty,
            no_repeat_ngram=settings.no_repeat_ngram,
            **options,
        )

    def endpoints(self) -> dict[str, Endpoint]:
        """Return `serve`, for sequences."""
        serve = with_defaults(self.serve, beam=tf.constant(self.search_settings.beam), n_best=tf.constant(1))
        options = [tf.TensorSpec([], tf.int32, name=name) for name in ("beam", "n_best")]
        return {"serve": (serve, [self.input_spec(), *options])}

    def input_spec(self) -> tf.TensorSpec:
        """The strings (batch,) that are answered."""
        return tf.TensorSpec([None], tf.string, name=self.input_name)


class AttendingServing(WritingServing):
    """A WritingServing whose models attend to their input; a subclass may find that some do not."""

    attends = True

    @abc.abstractmethod
    def attention(self, given: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answer a batch with the default beam, and return the attention weights of each step.

        Args:
            given: (batch,) strings; a subclass names it after `input_name`.
        """

    def endpoints(self) -> dict[str, Endpoint]:
        """Return `serve` and, if the models attend, `attention` for their attention weights."""
        endpoints = super().endpoints()
        if self.attends:
            endpoints["attention"] = (self.attention, [self.input_spec()])
        return endpoints


def with_defaults(function: Callable[..., Any], **defaults: tf.Tensor) -> Callable[..., Any]:
    """Set default values of a function's arguments that are only known at run time.

    They become part of the function's signature, and so of an export and its model card.
    """
    signature = inspect.signature(function)
    parameters = [
        parameter.replace(default=defaults.get(name, parameter.default))
        for name, parameter in signature.parameters.items()
    ]
    signature = signature.replace(parameters=parameters)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        return function(*given.args, **given.kwargs)

    call.__signature__ = signature  # type: ignore[attr-defined]
    return call
