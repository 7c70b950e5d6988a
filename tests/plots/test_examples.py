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


def test_lines_below_one_another_have_one_scale() -> None:
    figure = example_grid({"small": np.full((2, 3), 0.1), "large": np.full((2, 3), 9.0)})
    heights = [axes.get_ylim() for axes in figure.axes]
    assert heights[0] == heights[2]
    assert heights[0][0] < 0.1 < 9.0 < heights[0][1]


def test_pixels_beyond_1_are_scaled_by_the_largest() -> None:
    figure = example_grid(
        {"original": np.full((1, 2, 2, 1), 100.0), "half": np.full((1, 2, 2, 1), 50.0)}
    )
    drawn = [axes.images[0].get_array().max() for axes in figure.axes]
    assert drawn == [1.0, 0.5]
