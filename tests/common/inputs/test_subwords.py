import pytest
import sentencepiece
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.inputs import subwords
from common.inputs.settings import SubwordSettings
from common.inputs.subwords import BLANK_MARK, BOUNDARY, FIRST_PIECE, SubwordText, split_chunks
from common.inputs.words import PADDING, UNKNOWN

# German, French, Czech and Chinese, to cover several scripts and kinds of punctuation.
SENTENCES = [
    "Zwei junge Männer sind im Freien in der Nähe vieler Büsche.",
    "Ein kleines Mädchen klettert in ein Spielhaus aus Holz.",
    "Männer mit Schutzhelmen bedienen ein Antriebsradsystem, und junge Mädchen sehen zu.",
    "L'homme d'à côté n'a qu'un chien ; il l'aime \u00abbeaucoup\u00bb.",
    "Dvě mladé ženy čtou noviny (na lavičce) \u2013 a smějí se!",
    "老师，您好！他留在家里看孩子。",
    "这件衣服很合适，老师说：\u201c每个人都有优点和缺点。\u201d",
    "A T-shirt costs 19.99 $, or 3 for 50 $ ...",
]
UNITS = ("bpe", "unigram", "words", "characters")


def batches(sentences=SENTENCES):
    return tf.data.Dataset.from_tensor_slices(sentences * 3).batch(5)


def learned(units, sentences=SENTENCES, **values):
    options = {"vocabulary_size": 190, "character_coverage": 1.0} | values
    return SubwordText.learn(batches(sentences), SubwordSettings(units=units, **options))


@pytest.fixture(scope="module")
def texts():
    return {units: learned(units) for units in UNITS}


def pieces_of(text, sentences):
    return [[piece.decode() for piece in row] for row in text.pieces(tf.constant(sentences)).to_list()]


@pytest.mark.parametrize("units", ["bpe", "unigram"])
def test_the_graph_segments_as_sentencepiece(units, monkeypatch):
    models = []

    class Kept(sentencepiece.SentencePieceProcessor):
        def __init__(self, model_proto):
            models.append(model_proto)
            super().__init__(model_proto=model_proto)

    monkeypatch.setattr(subwords.sentencepiece, "SentencePieceProcessor", Kept)
    text = learned(units)
    library = sentencepiece.SentencePieceProcessor(model_proto=models[0])
    # Words of the training texts and others, some with unseen combinations of characters.
    others = [
        "Holzmädchen",
        "unmännlich",
        "grünen",
        "好人",
        "aaaaaaaaaaaaaaaaaa",
        "systemsystem",
        "nnennneinen",
    ]
    chunks = {
        chunk.decode() for row in split_chunks(tf.constant(SENTENCES + others)).to_list() for chunk in row
    }
    words = sorted(chunk for chunk in chunks if chunk.startswith(BLANK_MARK))
    expected = [library.encode(word, out_type=str) for word in words]
    assert pieces_of(text, [word.replace(BLANK_MARK, " ") for word in words]) == expected
    assert sum(len(pieces) > 1 for pieces in expected) > 20


@pytest.mark.parametrize("units", UNITS)
def test_joined_pieces_restore_the_text(texts, units):
    text = texts[units]
    pieces = text.pieces(tf.constant(SENTENCES))
    assert [joined.decode() for joined in text.texts(pieces.to_tensor("")).numpy()] == SENTENCES
    # Through ids too, because every training character has a piece.
    if units != "words":
        numbers = text.numbers(pieces).to_tensor(PADDING)
        assert tf.reduce_min(tf.abs(numbers - UNKNOWN)) == 1
        known = text.texts(text.pieces_of(numbers))
        assert [joined.decode() for joined in known.numpy()] == SENTENCES


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=4), st.sampled_from(UNITS))
def test_any_text_is_restored_except_for_its_whitespace(texts, sentences, units):
    sentences = [sentence.encode("utf-8", "replace").decode() for sentence in sentences]
    text = texts[units]
    back = text.texts(text.pieces(tf.constant(sentences)).to_tensor("")).numpy()
    for sentence, joined in zip(sentences, back, strict=True):
        plain = tf.strings.regex_replace(sentence.replace(BLANK_MARK, "_"), r"[\s\p{Z}\p{Cc}]+", " ")
        assert joined.decode() == plain.numpy().decode().strip()


def test_punctuation_and_spaces_separate_chunks():
    chunks = split_chunks(tf.constant(['He  said: "I don\'t\tknow\u2026" (T-shirt)', "", " \n", "你好！abc"]))
    assert [[chunk.decode().replace(BLANK_MARK, "_") for chunk in row] for row in chunks.to_list()] == [
        ["_He", "_said", ":", '_"', "I", "_don't", "_know", '\u2026"', "_(", "T-shirt", ")"],
        [],
        [],
        ["_你好", "！", "abc"],
    ]


def test_ids_truncation_and_unknown(texts):
    text = texts["bpe"]
    numbers = text(tf.constant(["龘 Holz", ""])).to_list()
    assert numbers[1] == []
    assert numbers[0][1] == UNKNOWN
    assert min(number for number in numbers[0] if number != UNKNOWN) >= FIRST_PIECE
    assert text.pieces_of(tf.constant([PADDING, BOUNDARY])).numpy().tolist() == [b"", b""]
    short = SubwordText(text.vocabulary, text.scores, SubwordSettings(maximum_length=3))
    assert [len(row) for row in short(tf.constant(SENTENCES)).to_list()] == [3] * len(SENTENCES)


def test_lower_case():
    text = learned("bpe", lowercase=True)
    assert pieces_of(text, ["ZWEI MÄNNER"]) == pieces_of(text, ["zwei männer"])


@pytest.mark.parametrize("units", UNITS)
def test_saved_and_loaded(texts, units, tmp_path):
    texts[units].save(tmp_path / "pieces.tsv")
    again = SubwordText.load(tmp_path / "pieces.tsv", texts[units].settings)
    assert again(tf.constant(SENTENCES)).to_list() == texts[units](tf.constant(SENTENCES)).to_list()


def test_the_order_of_the_texts_does_not_matter():
    assert learned("bpe").vocabulary == learned("bpe", SENTENCES[::-1]).vocabulary


def test_errors_are_one_line(tmp_path):
    with pytest.raises(UserError, match=r"vocabulary_size=10 does not fit .* set a larger one") as raised:
        learned("bpe", vocabulary_size=10)
    assert "\n" not in str(raised.value)
    assert ".cc" not in str(raised.value)
    file = tmp_path / "pieces.tsv"
    with pytest.raises(UserError, match="is missing: the run is damaged"):
        SubwordText.load(file, SubwordSettings())
    file.write_bytes(b"no score\n")
    with pytest.raises(UserError, match="is damaged: each line should have a piece and a score"):
        SubwordText.load(file, SubwordSettings())


def test_merges_by_hand():
    """The merge "go" was learned before "od", and "do" never."""
    pieces = ["go", "od", "\u2581go", "\u2581", "g", "o", "d"]
    text = SubwordText(pieces, [0.0] * 7, SubwordSettings())
    assert pieces_of(text, ["good dog"]) == [["\u2581go", "od", "\u2581", "d", "o", "g"]]
    assert text.numbers(text.pieces(tf.constant(["good"]))).to_list() == [[FIRST_PIECE + 2, FIRST_PIECE + 1]]


def test_best_segmentation_by_hand():
    """ab|c costs 1 + 1, a|bc 2 + 0.5, abc is not known; d is unknown and dear."""
    text = SubwordText(
        ["\u2581", "ab", "c", "a", "bc"], [-1.0, -1.0, -1.0, -2.0, -0.5], SubwordSettings(units="unigram")
    )
    assert pieces_of(text, ["abc", "abcd"]) == [["\u2581", "ab", "c"], ["\u2581", "ab", "c", "d"]]


def test_rare_words_are_left_out():
    text = learned("words", ["a dog", "a dog", "a cat"], minimum_count=6)
    assert text.vocabulary == [f"{BLANK_MARK}a", f"{BLANK_MARK}dog"]
    with pytest.raises(UserError, match="No piece occurs 10 times in the training texts"):
        learned("characters", ["ab", "c"], minimum_count=10)
