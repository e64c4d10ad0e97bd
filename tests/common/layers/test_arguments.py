"""Wrong arguments are refused in one line that names the argument and its value."""

import keras
import pytest
import tensorflow as tf

from common.layers.attention_decoder import AttentionDecoder
from common.layers.bahdanau_attention import BahdanauAttention
from common.layers.bidirectional import Bidirectional
from common.layers.character_encoder import CharacterEncoder
from common.layers.crf import CRF
from common.layers.elman_rnn import ElmanRNN
from common.layers.engines.policy import set_implementation_policy
from common.layers.gru import GRU
from common.layers.jordan_rnn import JordanRNN
from common.layers.lstm import LSTM
from common.layers.luong_attention import LuongAttention
from common.layers.pyramidal_rnn import PyramidalRNN
from common.layers.segment_rnn import SegmentRNN
from common.layers.sequence_pooling import SequencePooling
from common.layers.stacked_rnn import StackedRNN
from common.layers.windowed_dense import WindowedDense
from common.layers.word_dropout import WordDropout


def unrolled_over_any_time():
    layer = GRU(2, unroll=True)
    tf.function(layer, input_signature=[tf.TensorSpec([2, None, 3])]).get_concrete_function()


WRONG = [
    (lambda: LSTM(0), "units must be a positive integer, not 0."),
    (lambda: GRU(-1), "units must be a positive integer, not -1."),
    (lambda: ElmanRNN(2.5), "units must be a positive integer, not 2.5."),
    (lambda: ElmanRNN(True), "units must be a positive integer, not True."),
    (lambda: JordanRNN(2, output_units=0), "output_units must be a positive integer, not 0."),
    (lambda: LSTM(2, dropout=1.5), "dropout must be a number from 0 to 1, not 1.5."),
    (lambda: LSTM(2, recurrent_dropout=-0.5), "recurrent_dropout must be a number from 0 to 1, not -0.5."),
    (lambda: GRU(2, zoneout=1.5), "zoneout must be a number from 0 to 1, not 1.5."),
    (lambda: LSTM(2, implementation=1), "implementation must be one of 'auto', 'loop', not 1."),
    (lambda: StackedRNN("gru", 2, implementation="xla"), "implementation must be one of 'auto', 'loop', not"),
    (lambda: set_implementation_policy("c"), "implementation must be one of 'auto', 'loop', not 'c'."),
    (lambda: GRU(2, use_cudnn="never"), "use_cudnn must be one of 'auto', True, False, not 'never'."),
    (lambda: LSTM(2, use_cudnn=True)(keras.ops.ones((1, 2, 3))), "use_cudnn must be 'auto' or False"),
    (
        lambda: Bidirectional(LSTM(2), merge_mode="av"),
        "merge_mode must be one of 'concat', 'sum', 'ave', 'mul', None, not 'av'.",
    ),
    (
        lambda: Bidirectional(LSTM(2), sharing="al"),
        "sharing must be one of 'none', 'input', 'all', not",
    ),
    (lambda: Bidirectional("lstm"), "layer must be a recurrent layer, not 'lstm'."),
    (lambda: Bidirectional(LSTM(2), backward_layer=3), "backward_layer must be a recurrent layer, not 3."),
    (lambda: Bidirectional(keras.layers.Dense(2)), "layer must be a recurrent layer, not"),
    (lambda: Bidirectional(LSTM(2, go_backwards=True)), "different `go_backwards` value"),
    (lambda: Bidirectional(LSTM(2), backward_layer=LSTM(2)), "different `go_backwards` value"),
    (
        lambda: Bidirectional(LSTM(2), backward_layer=LSTM(2, go_backwards=True, stateful=True)),
        "the same stateful, not False and True",
    ),
    (lambda: Bidirectional(keras.layers.LSTM(2), sharing="all"), "sharing='all' needs a recurrent layer of"),
    (lambda: LuongAttention("generl"), "score must be one of 'dot', 'general', 'scaled', not 'generl'."),
    (lambda: BahdanauAttention(0), "units must be a positive integer, not 0."),
    (lambda: StackedRNN("rnn", 2), "cell must be one of 'elman', 'lstm', 'gru', not 'rnn'."),
    (lambda: StackedRNN("gru", 2, layers=0), "layers must be a positive integer, not 0."),
    (lambda: StackedRNN("gru", 2, merge="mean"), "merge must be one of 'concat', 'sum', not 'mean'."),
    (lambda: PyramidalRNN("gru", 2, layers=0), "layers must be a positive integer, not 0."),
    (lambda: SegmentRNN(2, 3, 3, cell="elman"), "cell must be one of 'gru', 'lstm', not 'elman'."),
    (lambda: AttentionDecoder("gru", 2, attention="luong"), "attention must be one of 'bahdanau', 'dot', "),
    (lambda: CharacterEncoder("tcn", 9, 3, 4), "method must be one of 'cnn', 'rnn', not 'tcn'."),
    (lambda: SequencePooling("maximum"), "pooling must be one of 'mean', 'max', 'attention', not 'maximum'."),
    (lambda: WindowedDense(2, -1, 1), "left must be an integer of at least 0, not -1."),
    (lambda: WordDropout(2, 1), "rate must be a number from 0 to 1, not 2."),
    (lambda: CRF(3)(keras.ops.ones((2, 3))), "expected ndim=3, found ndim=2"),
    (lambda: StackedRNN("gru", 2)(keras.ops.ones((2, 3))), "expected ndim=3, found ndim=2"),
    (lambda: unrolled_over_any_time(), "unroll=True needs a known, positive number of time steps, not None"),
]


@pytest.mark.parametrize(("make", "message"), WRONG, ids=[message for _, message in WRONG])
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value)
