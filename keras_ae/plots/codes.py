"""A map of codes in two dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np


def code_map(codes: np.ndarray, labels: np.ndarray | None = None) -> Any:
    """Return a scatter of codes, coloured by label.

    Args:
        codes: `(rows, ...)`; more than two numbers are projected to their principal two.
        labels: `(rows,)` of few kinds, or None.
    """
    from matplotlib.figure import Figure

    flat = np.asarray(codes, "float64").reshape(len(codes), -1)
    names = ("first number of the code", "second number of the code")
    if flat.shape[1] == 1:
        flat, names = np.column_stack([flat, np.zeros(len(flat))]), ("the code", "")
    elif flat.shape[1] > 2:
        from sklearn.decomposition import PCA

        flat = PCA(2, random_state=0).fit_transform(flat)
        names = ("first principal axis of the codes", "second principal axis of the codes")
    figure = Figure(figsize=(5.4, 4.8), layout="constrained")
    axes = figure.subplots()
    kinds = [] if labels is None else list(np.unique(labels))
    if labels is not None and len(kinds) <= 20:
        colours = _colours(len(kinds))
        for kind, colour in zip(kinds, colours, strict=True):
            chosen = flat[labels == kind]
            axes.scatter(chosen[:, 0], chosen[:, 1], s=4, alpha=0.6, color=colour, label=str(kind))
        axes.legend(markerscale=3, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    else:
        axes.scatter(flat[:, 0], flat[:, 1], s=4, alpha=0.6)
    axes.set(xlabel=names[0], ylabel=names[1])
    if not names[1]:
        axes.set_yticks([])
    return figure


def _colours(count: int) -> list[Any]:
    from matplotlib import colormaps

    table = colormaps["tab10" if count <= 10 else "tab20"]
    return [table(i) for i in range(count)]
