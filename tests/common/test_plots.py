import numpy as np

from common.plots import confusion_matrix, save_figure


def test_confusion_of_many_classes_is_still_a_picture(tmp_path):
    figure = confusion_matrix(np.eye(1_200), [f"class {number}" for number in range(1_200)])
    assert max(figure.get_size_inches()) < 30
    save_figure(figure, tmp_path / "many.png")
    assert (tmp_path / "many.png").stat().st_size > 0


def test_classes_are_named_where_there_is_room():
    panel = confusion_matrix(np.array([[3, 1], [0, 2]]), ["bad", "good"]).axes[0]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["bad", "good"]
    assert [text.get_text() for text in panel.texts] == ["3", "1", "0", "2"]
