"""The graph of a task that writes: models that agree at each step, their search, and the endpoints."""

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
    """What the search asks of a model."""

    def step(self, pieces: Any, states: Any, memory: Any) -> tuple[Any, Any, Any]:
        """One step of a search.

        Args:
            pieces: (rows,), written last.
            states: of the decoder, nested tensors (rows, ...).
            memory: what every step needs besides, the same at all of them: nested tensors (rows, ...).

        Returns:
            Logits (rows, vocabulary), states, and attention weights (rows, attended), if there are any.
        """


# The first states of a model's decoder and its memory, nested tensors (batch, ...).
Begun = tuple[Any, Any]


class WritingServing(ServingModule):
    """Inputs to written sequences, by one model or by several that answer as one.

    Several models agree at each step on the mean of their probabilities; their attention is the mean too.

    Subclasses name input and output, and write `text`, `serve` and, where the models attend, `attention`.

    Attributes:
        input_name: of the strings (batch,) that are answered; as the argument of `serve` and `attention`.
        output_name: of the best sequence (batch,); with an s behind it, of the n best (batch, n_best).
        never_written: numbers of the pieces that a sequence may not have.
        attends: whether there is attention to be shown.
    """

    input_name: ClassVar[str]
    output_name: ClassVar[str]
    never_written: ClassVar[tuple[int, ...]] = (PADDING, UNKNOWN)
    attends: bool = True

    def __init__(self, preprocessing: Any, models: Sequence[WritingModel], search: SearchSettings) -> None:
        """Join the parts.

        Args:
            preprocessing: of the models, which share it.
            models: one, or an ensemble.
            search: how sequences are searched for.
        """
        super().__init__()
        self.preprocessing = preprocessing
        self.models = models
        self.search_settings = search

    @property
    @abc.abstractmethod
    def text(self) -> SubwordText:
        """The pieces that are written."""

    @abc.abstractmethod
    def serve(self, given: tf.Tensor, beam: Any, n_best: Any) -> dict[str, tf.Tensor]:
        """Answer a batch.

        Args:
            given: (batch,) strings; a subclass calls it what `input_name` says.
            beam: () unfinished sequences kept at each step.
            n_best: () sequences for each input, at most `beam`.

        Returns:
            Those of `outputs`, and others.
        """

    def attention(self, given: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answer a batch with the usual beam, and say what was attended to at each step."""
        raise NotImplementedError

    def outputs(self, texts: tf.Tensor, decoded: Decoded) -> dict[str, tf.Tensor]:
        """Name the outputs of `serve`.

        Args:
            texts: (batch, n_best), the best first.
            decoded: what they are made of.

        Returns:
            The best (batch,); all of them; `scores` (batch, n_best), minus infinity where the search found
            fewer.
        """
        return {self.output_name: texts[:, 0], f"{self.output_name}s": texts, "scores": decoded.scores}

    def search(
        self, begun: list[Begun], maximum_lengths: Any, beam: Any = None, n_best: Any = 1, **options: Any
    ) -> Decoded:
        """Search for the best sequences.

        Args:
            begun: of each model.
            maximum_lengths: (batch,) int32, pieces of a sequence at most; where it is 0, nothing is written.
            beam: () unfinished sequences kept at each step; None for the usual number.
            n_best: () sequences for each input, at most `beam`.
            options: further ones of `beam_search`.
        """
        settings = self.search_settings
        beam = tf.maximum(settings.beam if beam is None else beam, 1)
        n_best = tf.clip_by_value(n_best, 1, beam)
        # The rows of an input stand together and stay there: its memory is laid out once.
        memories = [
            tf.nest.map_structure(lambda part: tf.repeat(part, beam, axis=0), memory) for _, memory in begun
        ]
        never = sum(
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
                # The models of an ensemble may compute in different precision.
                record = sum(tf.cast(one, tf.float32) for one in weights) / len(weights)
            return StepResult(agreed_logits(logits) + never, list(states), record)

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
        """`serve` for sequences and, of models that attend, `attention` for what they attended to."""
        serve = with_defaults(self.serve, beam=tf.constant(self.search_settings.beam), n_best=tf.constant(1))
        given = tf.TensorSpec([None], tf.string, name=self.input_name)
        options = [tf.TensorSpec([], tf.int32, name=name) for name in ("beam", "n_best")]
        endpoints: dict[str, Endpoint] = {"serve": (serve, [given, *options])}
        if self.attends:
            endpoints["attention"] = (self.attention, [given])
        return endpoints


def with_defaults(function: Callable[..., Any], **defaults: tf.Tensor) -> Callable[..., Any]:
    """Give arguments of a function default values that are known only now.

    The function's signature says them: an export carries them, and the card beside it names them.
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
