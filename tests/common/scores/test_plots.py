import numpy as np

from common.scores import plots
from common.scores.plots import confusion_matrix, learning_curves, save_figure


def test_confusion_of_many_classes_is_plotted(tmp_path):
    figure = confusion_matrix(np.eye(1_200), [f"class {number}" for number in range(1_200)])
    assert max(figure.get_size_inches()) < 30
    save_figure(figure, tmp_path / "many.png")
    assert (tmp_path / "many.png").stat().st_size > 0


def test_classes_are_named_where_there_is_room():
    panel = confusion_matrix(np.array([[3, 1], [0, 2]]), ["bad", "good"]).axes[0]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["bad", "good"]
    assert [text.get_text() for text in panel.texts] == ["3", "1", "0", "2"]


def test_curves_show_scores_of_validation_only(tmp_path, monkeypatch):
    history = [
        {"epoch": epoch, "loss": 1.0, "val_loss": 2.0, "val_bleu_4": 3.0, "learning_rate": 0.1}
        for epoch in (1, 2)
    ]
    drawn = []
    monkeypatch.setattr(plots, "save_figure", lambda figure, path: drawn.append(figure))
    learning_curves(history, tmp_path / "curves.png")
    panels = {panel.get_title(): len(panel.lines) for panel in drawn[0].axes}
    assert panels == {"loss": 2, "bleu 4": 1, "learning rate": 1}
