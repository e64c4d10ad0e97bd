import pytest
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle

from tasks.name_tagging.plots import COLUMNS, draw_names


def drawn(text, spans):
    figure = draw_names(text, [dict(zip(("start", "end", "type"), span, strict=True)) for span in spans])
    (axes,) = figure.axes
    boxes = [
        (box.get_x(), box.get_y(), box.get_width(), box.get_facecolor())
        for box in axes.patches
        if isinstance(box, Rectangle)
    ]
    texts = [text.get_text() for text in axes.texts]
    plt.close(figure)
    return boxes, texts


def test_names_are_marked_with_their_types():
    boxes, texts = drawn("Ada met Bob", [(0, 3, "PER"), (8, 11, "PER"), (4, 7, "ORG")])
    assert sorted((x, width) for x, _, width, _ in boxes) == [(0, 3), (4, 3), (8, 3)]
    colours = {x: colour for x, _, _, colour in boxes}
    assert colours[0] == colours[8] != colours[4]
    assert sorted(text for text in texts if len(text) > 1) == ["ORG", "PER", "PER"]
    assert "".join(text for text in texts if len(text) == 1) == "Ada met Bob"


def test_a_name_that_a_line_break_cuts_is_marked_on_both_lines():
    # Without a space the line ends in the middle of the name.
    text = "x" * (COLUMNS - 3) + "New_York"
    boxes, texts = drawn(text, [(COLUMNS - 3, COLUMNS + 5, "LOC")])
    assert [(x, round(y), width) for x, y, width, _ in boxes] == [(COLUMNS - 3, 0, 3), (0, 1, 5)]
    assert texts.count("LOC") == 2


@pytest.mark.parametrize("text", ["", " ", "微软公司"])
def test_any_text_is_drawn(text):
    boxes, _ = drawn(text, [(0, len(text), "ORG")] if len(text) > 1 else [])
    # East Asian characters are two columns wide.
    assert [width for _, _, width, _ in boxes] == ([8] if len(text) > 1 else [])
