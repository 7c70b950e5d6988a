"""The pictures of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from keras_ae import datasets
from keras_ae.plots import code_map, example_grid, loss_curves
from keras_ae.reports import RunFolder

COLUMNS, MAP_ROWS, TRAVERSED = 8, 3000, 8


def draw(
    model: Any, data: datasets.Dataset, run: RunFolder, history: list[dict[str, float]]
) -> list[Path]:
    """Write loss curves, reconstructions, a map of codes, and what the variant has besides."""
    x = data.x_test[:COLUMNS]
    figures = {
        "loss_curves.png": loss_curves(history),
        "reconstructions.png": example_grid(
            {"original": x, "reconstruction": model.reconstruct(x)}
        ),
        "codes.png": code_map(
            model.encode(data.x_test[:MAP_ROWS]),
            None if data.y_test is None else data.y_test[:MAP_ROWS],
        ),
    }
    if model.source is not None:
        drawn = model.sample(4 * COLUMNS, seed=0)
        rows = {f"draw {i * COLUMNS + 1}": drawn[i * COLUMNS :][:COLUMNS] for i in range(4)}
        figures["samples.png"] = example_grid(rows)
        if len(model.latent_shape) == 1:
            walks = model.traverse(data.x_test[0])[:TRAVERSED]
            named = {f"number {i + 1}": walk for i, walk in enumerate(walks)}
            figures["traversal.png"] = example_grid(named, "one number of the code, -3 to 3")
    if model.corruption is not None:
        noisy = model.corrupt(x, seed=0)
        restored = {"clean": x, "corrupted": noisy}
        restored["restored"] = model.reconstruct(noisy)
        figures["denoising.png"] = example_grid(restored)
    return [_save(run, name, figure) for name, figure in figures.items()]


def _save(run: RunFolder, name: str, figure: Any) -> Path:
    path = run.path / name
    run.write(path, lambda partial: figure.savefig(partial, dpi=110, format="png"))
    return path
