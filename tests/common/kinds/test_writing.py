"""What tasks that write share, by a task that writes without a source: chains of words."""

import inspect
import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from common.contract.preprocessing import Preprocessing
from common.errors import UserError
from common.inputs.settings import SubwordSettings
from common.inputs.subwords import BLANK_MARK, BOUNDARY, FIRST_PIECE, SubwordText
from common.kinds.writing.evaluation import GreedyScores, scores_by_length
from common.kinds.writing.predictor import WritingPredictor, piece_labels
from common.kinds.writing.serving import WritingServing, with_defaults
from common.kinds.writing.settings import SearchSettings
from common.kinds.writing.task import WritingTask
from common.kinds.writing.teacher_forcing import teacher_forced

WORDS = "abc"
SIZE = FIRST_PIECE + len(WORDS)
LONGEST = 3


class Chain:
    """A model whose next piece depends on the one before alone: no encoder, no attention, no memory."""

    def __init__(self, seed):
        self.logits = np.random.default_rng(seed).normal(scale=2.0, size=(SIZE, SIZE)).astype(np.float32)
        # Padding and the unknown piece would be the likeliest.
        self.logits[:, :BOUNDARY] += 9.0

    def begin(self, count):
        return tf.zeros([count, 1]), {}

    def step(self, pieces, states, memory):
        return tf.gather(self.logits, pieces), states + 1, None


class ChainServing(WritingServing):
    input_name = "prompt"
    output_name = "text"

    @property
    def text(self):
        return self.preprocessing

    def serve(self, prompt, beam, n_best):
        count = tf.shape(prompt)[0]
        begun = [model.begin(count) for model in self.models]
        decoded = self.search(begun, tf.fill([count], LONGEST), beam, n_best)
        return self.outputs(self.text.texts(self.text.pieces_of(decoded.tokens)), decoded)


class ChainPredictor(WritingPredictor):
    task = "chain"
    output_name = "text"

    def request(self, examples):
        pytest.fail("nothing is asked here but what the outputs mean")

    cost = answer_file = request


class ChainTask(WritingTask):
    name = "chain"
    serving_class = ChainServing
    variant_beams = {"greedy": 1, "beam_3": 3}  # noqa: RUF012

    def build_model(self, preprocessing):
        pytest.fail("nothing is trained here")

    evaluate = baselines = build_model

    def difference(self, one, other):
        return "" if one is other else "chain"


def serving_of(*models, **search):
    pieces = [f"{BLANK_MARK}{word}" for word in WORDS]
    text = SubwordText(pieces, [0.0] * len(WORDS), SubwordSettings(units="words"))
    return ChainServing(text, list(models), SearchSettings(**{"beam": 9, "length_penalty": 0.0, **search}))


def task_with(beam=5, xla=False):
    train = SimpleNamespace(xla=xla, label_smoothing=0.1)
    return ChainTask(SimpleNamespace(search=SearchSettings(beam=beam), train=train))


def likeliest(*models):
    """Every text that may be written with its log-probability, the likeliest first."""
    kept = [BOUNDARY, *range(FIRST_PIECE, SIZE)]
    mean = np.mean([np.exp(one.logits) / np.exp(one.logits).sum(1, keepdims=True) for one in models], axis=0)
    chances = np.zeros_like(mean)
    chances[:, kept] = mean[:, kept] / mean[:, kept].sum(1, keepdims=True)
    scores = {}
    for length in range(LONGEST + 1):
        for words in itertools.product(kept[1:], repeat=length):
            path = [BOUNDARY, *words, *([BOUNDARY] if length < LONGEST else [])]
            text = " ".join(WORDS[word - FIRST_PIECE] for word in words)
            scores[text] = sum(np.log(chances[pair]) for pair in itertools.pairwise(path))
    return sorted(scores.items(), key=lambda item: -item[1])


@pytest.mark.parametrize("seeds", [[0], [1], [2, 3]])
def test_the_search_finds_the_likeliest_without_padding_and_unknown_pieces(seeds):
    """Of several models by the mean of their probabilities."""
    models = [Chain(seed) for seed in seeds]
    outputs = serving_of(*models).serve(tf.constant(["", ""]), 9, 4)
    expected = likeliest(*models)[:4]
    assert outputs.keys() == {"text", "texts", "scores"}
    for row in range(2):
        assert outputs["text"][row] == outputs["texts"][row, 0]
        assert [text.decode() for text in outputs["texts"][row].numpy()] == [text for text, _ in expected]
        np.testing.assert_allclose(outputs["scores"][row], [score for _, score in expected], rtol=1e-4)


def test_beams_and_n_best_out_of_range_are_brought_into_it():
    serving = serving_of(Chain(0))
    assert serving.serve(tf.constant([""]), 2, 9)["texts"].shape == (1, 2)
    assert serving.serve(tf.constant([""]), 0, 0)["texts"].shape == (1, 1)


def test_the_usual_beam_is_that_of_the_settings():
    serving = serving_of(Chain(0), beam=1)
    begun = [model.begin(1) for model in serving.models]
    greedy, usual, wide = (serving.search(begun, tf.constant([LONGEST]), beam) for beam in (1, None, 9))
    np.testing.assert_array_equal(usual.tokens, greedy.tokens)
    assert wide.scores[0, 0] >= usual.scores[0, 0]


def test_endpoints_name_their_inputs_and_carry_defaults():
    endpoints = serving_of(Chain(0), beam=4).endpoints()
    assert list(endpoints) == ["serve"]
    function, signature = endpoints["serve"]
    assert [spec.name for spec in signature] == ["prompt", "beam", "n_best"]
    parameters = inspect.signature(function).parameters
    assert {name: int(one.default) for name, one in parameters.items() if one.default is not one.empty} == {
        "beam": 4,
        "n_best": 1,
    }
    graph = tf.function(function, input_signature=signature)
    assert graph(tf.constant(["", ""]))["texts"].shape == (2, 1)
    assert graph(prompt=tf.constant([""]), n_best=tf.constant(2))["texts"].shape == (1, 2)
    assert graph(tf.constant([""]), tf.constant(3), tf.constant(3))["texts"].shape == (1, 3)


def test_defaults_are_given_where_an_argument_is_not():
    function = with_defaults(lambda one, two, three: (one, two, three), two=2, three=3)
    assert function(1) == (1, 2, 3)
    assert function(1, three=4) == (1, 2, 4)
    with pytest.raises(TypeError, match="missing a required argument: 'one'"):
        function(two=1)


def test_answers_are_the_best_and_the_n_best():
    predictor = ChainPredictor(None, [], {}, "untrained")
    outputs = {
        "texts": np.array([[b"a b", b"a"], [b"", b"c"]]),
        "scores": np.array([[-1.0, -np.inf], [-np.inf, -np.inf]]),
    }
    assert predictor.answers(outputs) == [
        {"text": "a b", "score": -1.0, "texts": [{"text": "a b", "score": -1.0}]},
        {"text": "", "score": 0.0, "texts": [{"text": "", "score": 0.0}]},
    ]
    only_best = {name: values[:, :1] for name, values in outputs.items()}
    assert predictor.answers(only_best) == [{"text": "a b", "score": -1.0}, {"text": "", "score": 0.0}]


def test_variants_are_narrower_than_the_usual_beam():
    assert task_with(beam=5).variants() == {"greedy": {"beam": 1}, "beam_3": {"beam": 3}}
    assert task_with(beam=3).variants() == {"greedy": {"beam": 1}}
    assert task_with(beam=1).variants() == {}


def test_models_of_unlike_preprocessing_make_no_ensemble():
    one, other = object(), object()
    task_with().check_ensemble([one, one, one])
    with pytest.raises(UserError, match="not trained with the same chain, so they cannot form an ensemble"):
        task_with().check_ensemble([one, one, other])


def test_padded_to_one_length_the_longest_of_all_sequences_counts(tmp_path):
    """For XLA, where every sequence of a batch has the length of the bucket."""

    class Lengths(Preprocessing):
        def examples(self, dataset):
            def example(read):
                one = {"read": tf.ones([read], tf.int32), "number": read, "written": tf.ones([4], tf.int32)}
                return one, tf.ones([4], tf.int32)

            return dataset.map(example)

        learn = load = save = None

    source = SimpleNamespace(dataset=lambda split: tf.data.Dataset.from_tensor_slices([2, 7]))
    plain, padded = (
        task_with(xla=xla).batches(source, Lengths(), "train", tmp_path / str(xla)) for xla in (False, True)
    )
    assert (plain.lengths.tolist(), plain.pad_to_boundary) == ([4, 4], False)
    assert (padded.lengths.tolist(), padded.pad_to_boundary) == ([4, 7], True)


def test_a_decoder_is_given_the_true_piece_before_each_step():
    written, targets = teacher_forced(tf.ragged.constant([[5, 6], []], dtype=tf.int32))
    assert written.to_list() == [[BOUNDARY, 5, 6], [BOUNDARY]]
    assert targets.to_list() == [[5, 6, BOUNDARY], [BOUNDARY]]


def test_validation_scores_are_of_the_model_as_it_then_is():
    """The third example has no reference: it was taken with its batch."""
    suffix = tf.Variable("!")
    batches = tf.data.Dataset.from_tensor_slices(["a", "b", "c"]).batch(2)
    scores = GreedyScores(
        lambda batch: tf.strings.join([batch, suffix]),
        batches,
        ["a!", "b?"],
        lambda texts, references: {"right": texts == references, "texts": len(texts)},
    )
    assert scores() == {"right": False, "texts": 2}
    scores.references = ["a?", "b?"]
    suffix.assign("?")
    assert scores() == {"right": True, "texts": 2}


def test_scores_by_length_by_hand():
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    rows = scores_by_length(
        [0, 2, 3, 9, 4], (2, 4, 6), lambda positions: {"mean": float(values[positions].mean())}, "texts"
    )
    assert rows == [
        {"words": "0 to 2", "mean": 1.5, "texts": 2},
        {"words": "3 to 4", "mean": 4.0, "texts": 2},
        {"words": "7 and more", "mean": 4.0, "texts": 1},
    ]


def test_labels_of_pieces():
    pieces = [f"{BLANK_MARK}go".encode(), b"od", BLANK_MARK.encode(), b"", b""]
    assert piece_labels(pieces) == ["go", "od", "_"]
