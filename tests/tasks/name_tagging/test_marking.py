from rich.style import Style

from tasks.name_tagging.marking import marked_sentence, marked_words

SPANS = [{"start": 0, "end": 12, "type": "PER"}, {"start": 16, "end": 20, "type": "SHIP"}]


def test_a_sentence_keeps_its_signs():
    assert marked_sentence("Ada Lovelace\ton  Argo.", [], colours=False) == "Ada Lovelace\ton  Argo."
    marked = marked_sentence("Ada Lovelace\ton Argo.", SPANS, colours=False)
    assert marked == "[PER Ada Lovelace]\ton [SHIP Argo]."


def test_colours_are_by_type():
    marked = marked_sentence("Ada Lovelace on Argo.", SPANS, colours=True)
    assert Style.parse("bold bright_red").render("[PER Ada Lovelace]") in marked
    assert marked.count("\x1b[0m") == 2


def test_words_are_joined_by_spaces():
    words = ["Ada", "Lovelace", "met", "Bob", "."]
    assert marked_words(words, ["B-PER", "I-PER", "O", "B-PER", "O"]) == "[PER Ada Lovelace] met [PER Bob] ."
    assert marked_words(["Ada", "Bob"], ["B-PER", "B-PER"]) == "[PER Ada] [PER Bob]"
    assert marked_words([], []) == ""
