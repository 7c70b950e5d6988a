"""Estimators of tables fitted to files: `fit KIND`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from keras_ae.cli.rows import BACKEND
from keras_ae.cli.session import choose_backend
from keras_ae.cli.tables import ESTIMATOR, read_options

SUMMARY = "summary.json"
READING = ("data", "no_header", "na", "drop", "category", "date")
KINDS = {
    "anomaly": (
        "AnomalyDetector",
        "Find rows that are unlike the others: then `score`, `explain`.",
    ),
    "embed": ("Embedder", "Reduce rows to short codes: then `encode`."),
    "cluster": ("Clusterer", "Divide rows into clusters: then `cluster`."),
    "denoise": ("Denoiser", "Learn to take noise away: then `reconstruct`."),
    "impute": ("Imputer", "Learn to fill gaps in: then `impute`."),
    "synthesize": ("Generator", "Learn to draw rows like these: then `synthesize`."),
}
"""Name of a kind -> its estimator, and what it does."""
OWN = {
    "anomaly": [
        click.Option(
            ["--threshold"],
            help="quantile=0.99, contamination=0.1, fpr=0.01, mad=3.5 or pot=0.001.",
        ),
        click.Option(["--score-method"], help="combined, reconstruction, likelihood, ..."),
        click.Option(
            ["--trim"], type=float, help="Share of rows to leave out of a second training."
        ),
        click.Option(["--members"], type=int, help="Models whose scores are averaged."),
    ],
    "cluster": [click.Option(["--n-clusters"], type=int, help="Number of clusters.  [default: 8]")],
}
TRAINING = [
    click.Option(["--model"], help="A variant."),
    click.Option(["--latent-dim"], type=int, help="Numbers of a code."),
    click.Option(["--epochs"], type=int, help="Passes over the rows, at most."),
    click.Option(["--batch-size"], type=int, help="Rows of a step, at most."),
    click.Option(["--learning-rate"], type=float, help="Of Adam."),
]


@click.group()
def fit() -> None:
    """Fit an estimator to a table: `keras-ae fit anomaly --data train.csv --out RUN`."""


def _fit_command(kind: str) -> click.Command:
    @BACKEND
    @click.option("--seed", type=int, default=0, help="Of everything that is drawn.  [default: 0]")
    @click.option("--drop", multiple=True, help="A column to leave out.")
    @click.option("--category", multiple=True, help="A column that holds categories.")
    @click.option("--date", multiple=True, help="A column that holds dates.")
    @click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
    @click.option("--out", required=True, help="The run folder to write.")
    @read_options
    def command(**given: Any) -> None:
        _fit(kind, **given)

    made = click.command(kind, help=KINDS[kind][1])(command)
    made.params.extend([*OWN.get(kind, []), *TRAINING])
    return made


for _kind in KINDS:
    fit.add_command(_fit_command(_kind))


def _fit(
    kind: str, out: str, backend: str | None, seed: int, as_json: bool, **options: Any
) -> None:
    folder = Path(out)
    if (folder / "model.keras").exists():
        raise ValueError(f"`--out` must be a new folder, or one of `fit`. Received: {folder}")
    name = choose_backend(backend)
    from keras_ae import estimators
    from keras_ae.files import replacing

    data = options["data"]
    table, kinds = _table(seed, **{key: options.pop(key) for key in READING})
    given = {key: value for key, value in options.items() if value is not None}
    if kind != "impute" and table.isna().to_numpy().any():
        given["missing"] = "mask"
    estimator = getattr(estimators, KINDS[kind][0])(random_state=seed, kinds=kinds, **given)
    start = time.perf_counter()
    estimator.fit(table)
    summary = {
        "estimator": KINDS[kind][0],
        "data": str(data),
        "columns": {c.name: c.kind for c in estimator.schema_.columns},
        **estimator.report_,
        "missing_entries": int(table.isna().to_numpy().sum()),
        "backend": name,
        "seconds": round(time.perf_counter() - start, 3),
        "parameters": {key: str(value) for key, value in given.items()},
        **_of_kind(estimator),
    }
    folder.mkdir(parents=True, exist_ok=True)
    estimator.save(folder / ESTIMATOR)
    text = json.dumps(summary, indent=2)
    with replacing(folder / SUMMARY) as partial:
        partial.write_text(text + "\n")
    rows = f"{summary['rows']} rows, {len(summary['columns'])} columns"
    click.echo(text if as_json else f"{folder}: {KINDS[kind][0]} of {rows}")


def _table(
    seed: int,
    data: str,
    no_header: bool,
    na: tuple[str, ...],
    drop: tuple[str, ...],
    category: tuple[str, ...],
    date: tuple[str, ...],
) -> tuple[Any, dict[str, str] | None]:
    """Return a file's table, and what its columns hold where that was said."""
    from keras_ae.estimators import table_files

    table = table_files.read(data, header=not no_header, na=na, seed=seed)
    if unknown := [column for column in drop if column not in table.columns]:
        raise ValueError(
            f"`--drop` must name columns of {list(table.columns)}. Received: {unknown}"
        )
    kinds = {**dict.fromkeys(category, "category"), **dict.fromkeys(date, "date")}
    return table.drop(columns=list(drop)), kinds or None


def _of_kind(estimator: Any) -> dict[str, Any]:
    """Return what a summary says of one kind alone."""
    import numpy as np

    found: dict[str, Any] = {"epochs": len(estimator.history_["loss"])}
    if hasattr(estimator, "threshold_"):
        found["threshold"] = estimator.threshold_
        found["held_out"] = len(estimator.held_scores_)
    if hasattr(estimator, "labels_"):
        found["rows_of_clusters"] = np.bincount(
            estimator.labels_, minlength=estimator.n_clusters
        ).tolist()
    return found
