from __future__ import annotations

from keras_ae.plots import error_curve, loss_curves


def test_there_is_a_panel_for_the_loss_and_each_term() -> None:
    history = [{"epoch": e, "loss": 3 / e, "kl": 1 / e, "val_loss": 4 / e} for e in (1, 2, 3)]
    figure = loss_curves(history)
    assert [axes.get_title() for axes in figure.axes] == ["loss", "kl"]
    assert [len(axes.lines) for axes in figure.axes] == [2, 1]
    assert figure.axes[0].lines[1].get_ydata().tolist() == [4.0, 2.0, 4 / 3]


def test_an_error_curve_has_a_line_for_each_method() -> None:
    axes = error_curve([2, 4], {"vae": [0.2, 0.1], "PCA": [0.3, 0.2]}).axes[0]
    assert [line.get_label() for line in axes.lines] == ["vae", "PCA"]


def test_a_single_epoch_is_drawn_as_a_point() -> None:
    axes = loss_curves([{"epoch": 1, "loss": 3.0, "val_loss": 4.0}]).axes[0]
    assert [line.get_marker() for line in axes.lines] == ["o", "o"]
