"""Grids of examples: images as images, everything else as lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def example_grid(rows: Mapping[str, np.ndarray], title: str = "") -> Any:
    """Return a figure with one labelled row of examples for each entry.

    Args:
        rows: Name -> examples `(columns, *event_shape)`, as many columns in each.
        title: Title of the figure.
    """
    from matplotlib.figure import Figure

    columns = max(len(examples) for examples in rows.values())
    images = all(_is_image(examples) for examples in rows.values())
    wide, high = (1.0, 1.05) if images else (2.2, 1.4)
    size = (0.9 + wide * columns, high * len(rows) + (0.4 if title else 0.1))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    peak = max(1.0, *(float(np.nanmax(examples)) for examples in rows.values()))
    for line, (name, examples) in zip(grid, rows.items(), strict=True):
        for axes, example in zip(line, examples, strict=False):
            if images:
                _draw_image(axes, np.asarray(example), peak)
            else:
                _draw_lines(axes, np.asarray(example))
        for axes in line[len(examples) :]:
            axes.set_axis_off()
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
    if not images:
        _share_heights(grid)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def _is_image(examples: np.ndarray) -> bool:
    return np.ndim(examples) == 4 and np.shape(examples)[-1] in (1, 3)


def _draw_image(axes: Any, example: np.ndarray, peak: float) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.imshow(
        np.clip(example.squeeze(-1) if example.shape[-1] == 1 else example, 0, peak) / peak,
        cmap="gray",
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )


def _draw_lines(axes: Any, example: np.ndarray) -> None:
    axes.set_xticks([])
    series = example.reshape(len(example), -1) if example.ndim > 1 else example[:, None]
    # The marker shows a number that stands between two missing ones.
    axes.plot(series, linewidth=1, marker=".", markersize=2)


def _share_heights(grid: np.ndarray) -> None:
    """Give what stands below one another one scale, told at the top."""
    for column in grid.T:
        limits = np.array([axes.get_ylim() for axes in column if axes.lines])
        for axes in column:
            axes.set_ylim(limits[:, 0].min(), limits[:, 1].max())
            axes.tick_params(axis="y", labelsize=6, length=2)
