"""The pictures of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keras_ae import datasets
from keras_ae.cli.conditions import told
from keras_ae.plots import code_map, example_grid, loss_curves
from keras_ae.reports import RunFolder

COLUMNS, MAP_ROWS, TRAVERSED, CLASSES = 8, 3000, 8, 10


def draw(
    model: Any, data: datasets.Dataset, run: RunFolder, history: list[dict[str, float]]
) -> list[Path]:
    """Write loss curves, reconstructions, a map of codes, and what the variant has besides."""
    x = data.x_test[:COLUMNS]
    shown, mapped = (_rows(model, data, rows) for rows in (COLUMNS, MAP_ROWS))
    figures = {
        "loss_curves.png": loss_curves(history),
        "reconstructions.png": example_grid(
            {"original": x, "reconstruction": model.reconstruct(shown)}
        ),
        "codes.png": code_map(
            model.encode(mapped), None if data.y_test is None else data.y_test[:MAP_ROWS]
        ),
    }
    if model.source is not None:
        figures["samples.png"] = example_grid(_drawn(model))
        if model.can_traverse:
            walks = model.traverse(_rows(model, data, 1))[:TRAVERSED]
            named = {f"number {i + 1}": walk for i, walk in enumerate(walks)}
            figures["traversal.png"] = example_grid(named, "one number of the code, -3 to 3")
    if model.corruption is not None:
        noisy = model.corrupt(shown, seed=0)
        labels = None if data.y_test is None else data.y_test[:COLUMNS]
        restored = {"clean": x, "corrupted": noisy}
        restored["restored"] = model.reconstruct(told(model.condition, noisy, labels))
        figures["denoising.png"] = example_grid(restored)
    return [_save(run, name, figure) for name, figure in figures.items()]


def _rows(model: Any, data: datasets.Dataset, rows: int) -> Any:
    """Return the first test rows as the model takes them."""
    labels = None if data.y_test is None else data.y_test[:rows]
    return told(model.condition, data.x_test[:rows], labels)


def _drawn(model: Any) -> dict[str, Any]:
    """Return rows of examples from the prior: some, or some of each class."""
    if model.condition is None:
        drawn = model.sample(4 * COLUMNS, seed=0)
        return {f"draw {i * COLUMNS + 1}": drawn[i * COLUMNS :][:COLUMNS] for i in range(4)}
    classes = model.condition.names or range(model.condition.categories)
    return {
        str(name): model.sample(COLUMNS, condition=number, seed=0)
        for number, name in enumerate(list(classes)[:CLASSES])
    }


def _save(run: RunFolder, name: str, figure: Any) -> Path:
    path = run.path / name
    run.write(path, lambda partial: figure.savefig(partial, dpi=110, format="png"))
    return path
