"""Curves over epochs and over code sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def loss_curves(history: Sequence[Mapping[str, float]]) -> Any:
    """Return a figure with one panel for the loss and for each term, train and validation.

    Args:
        history: One mapping an epoch, with `epoch`, `loss`, the terms, and `val_...` of each.
    """
    from matplotlib.figure import Figure

    names = [n for n in sorted(history[0]) if not n.startswith("val_") and n != "epoch"]
    names.sort(key=lambda name: name != "loss")
    figure = Figure(figsize=(3.6 * len(names), 3.0), layout="constrained")
    epochs = [row["epoch"] for row in history]
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    panels[0].set_ylabel("nats per example")
    marker = "o" if len(history) == 1 else None  # one point makes no line
    for axes, name in zip(panels, names, strict=True):
        axes.plot(epochs, [row[name] for row in history], label="training", marker=marker)
        if f"val_{name}" in history[0]:
            held = [row.get(f"val_{name}", float("nan")) for row in history]
            axes.plot(epochs, held, label="validation", linestyle="--", marker=marker)
        axes.set(title=name, xlabel="epoch")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    return figure


def error_curve(sizes: Sequence[int], errors: Mapping[str, Sequence[float]]) -> Any:
    """Return a figure of test errors over code sizes, one line a method."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.0, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, values in errors.items():
        axes.plot(sizes, values, marker="o", label=name)
    axes.set(xlabel="length of the code", ylabel="mean squared error, test", xscale="log")
    axes.set_xticks(list(sizes), labels=[str(size) for size in sizes])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure
