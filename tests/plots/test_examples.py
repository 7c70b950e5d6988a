from __future__ import annotations

import numpy as np
import pytest

from keras_ae.plots import example_grid


@pytest.mark.parametrize("shape", [(4, 5, 6, 1), (4, 5, 6, 3)])
def test_images_are_drawn_as_images(shape: tuple[int, ...]) -> None:
    figure = example_grid({"original": np.random.default_rng(0).random(shape)}, "title")
    assert [len(axes.images) for axes in figure.axes] == [1] * 4


@pytest.mark.parametrize("shape", [(4, 9), (4, 9, 2), (4, 5, 6, 7)])
def test_everything_else_is_drawn_as_lines(shape: tuple[int, ...]) -> None:
    figure = example_grid({"a": np.zeros(shape), "b": np.zeros((2, *shape[1:]))})
    assert len(figure.axes) == 8
    assert all(axes.lines for axes in figure.axes[:6])
