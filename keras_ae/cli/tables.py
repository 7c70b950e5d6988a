"""Estimators of tables on files: `fit KIND`, and the verbs on what it writes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from keras_ae.cli.rows import BACKEND
from keras_ae.cli.session import choose_backend

ESTIMATOR, SUMMARY = "fitted.estimator", "summary.json"
KINDS = {
    "anomaly": (
        "AnomalyDetector",
        "Find rows that are unlike the others: then `score`, `explain`.",
    ),
    "embed": ("Embedder", "Reduce rows to short codes: then `encode`."),
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
}
TRAINING = [
    click.Option(["--model"], help="A variant."),
    click.Option(["--latent-dim"], type=int, help="Numbers of a code."),
    click.Option(["--epochs"], type=int, help="Passes over the rows, at most."),
    click.Option(["--batch-size"], type=int, help="Rows of a step, at most."),
    click.Option(["--learning-rate"], type=float, help="Of Adam."),
]


def how_to_read(command: Any) -> Any:
    """Give a command the options that say how a table is read."""
    for option in (
        click.option("--na", multiple=True, help="A text for a missing entry, such as '?'."),
        click.option("--no-header", is_flag=True, help="The first line of a CSV has no names."),
    ):
        command = option(command)
    return command


def read_options(command: Any) -> Any:
    """Give a command the options that say which table is read, and how."""
    data = click.option("--data", required=True, help="A .csv, .tsv, .parquet, .npz or .npy file.")
    return data(how_to_read(command))


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
    kind: str,
    data: str,
    out: str,
    backend: str | None,
    no_header: bool,
    na: tuple[str, ...],
    drop: tuple[str, ...],
    category: tuple[str, ...],
    date: tuple[str, ...],
    seed: int,
    as_json: bool,
    **options: Any,
) -> None:
    folder = Path(out)
    if (folder / "model.keras").exists():
        raise ValueError(f"`--out` must be a new folder, or one of `fit`. Received: {folder}")
    name = choose_backend(backend)
    from keras_ae import estimators
    from keras_ae.estimators import table_files
    from keras_ae.files import replacing

    table = table_files.read(data, header=not no_header, na=na, seed=seed)
    if unknown := [column for column in drop if column not in table.columns]:
        raise ValueError(
            f"`--drop` must name columns of {list(table.columns)}. Received: {unknown}"
        )
    table = table.drop(columns=list(drop))
    kinds = {**dict.fromkeys(category, "category"), **dict.fromkeys(date, "date")}
    given = {key: value for key, value in options.items() if value is not None}
    gaps = int(table.isna().to_numpy().sum())
    if gaps and kind != "impute":
        given["missing"] = "mask"
    estimator = getattr(estimators, KINDS[kind][0])(random_state=seed, kinds=kinds or None, **given)
    start = time.perf_counter()
    estimator.fit(table)
    summary = {
        "estimator": KINDS[kind][0],
        "data": str(data),
        "columns": {c.name: c.kind for c in estimator.schema_.columns},
        **estimator.report_,
        "missing_entries": gaps,
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


def _of_kind(estimator: Any) -> dict[str, Any]:
    """Return what a summary says of one kind alone."""
    found: dict[str, Any] = {"epochs": len(estimator.history_["loss"])}
    if hasattr(estimator, "threshold_"):
        found["threshold"] = estimator.threshold_
        found["held_out"] = len(estimator.held_scores_)
    return found


def is_fitted(run: str) -> bool:
    """Return whether a folder is one that `fit` wrote."""
    return (Path(run) / ESTIMATOR).is_file()


def opened(run: str, backend: str | None, method: str, kind: str) -> Any:
    """Return the estimator of a folder, which must have a method.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is of another kind.
    """
    if not is_fitted(run):
        raise FileNotFoundError(
            f"a run must be a folder that `keras-ae fit` wrote. Received: {run} without {ESTIMATOR}"
        )
    choose_backend(backend)
    from keras_ae import estimators

    found = estimators.load(Path(run) / ESTIMATOR)
    if not hasattr(found, method):
        raise ValueError(
            f"the run must be one of `keras-ae fit {kind}`. Received: {run}, "
            f"which holds a {type(found).__name__}"
        )
    return found


def applied(
    estimator: Any,
    function: Callable[[Any], Any],
    to: Path,
    no_header: bool,
    na: tuple[str, ...],
    data: str | None = None,
    limit: int | None = None,
    **others: Any,
) -> None:
    """Write a function of a file's table, part by part.

    Raises:
        ValueError: There is no data, or an option is one for runs of `train`.
    """
    if strange := [name for name in ("part", "label_column") if others.get(name) is not None]:
        name = strange[0].replace("_", "-")
        raise ValueError(f"`--{name}` is for runs of `keras-ae train`. Received: one of `fit`")
    from keras_ae.estimators import table_files

    if data is None:
        raise ValueError("`--data` must name a table. Received: none, of a run of `fit`")
    done = 0
    with table_files.writing(to) as add:
        for part in table_files.parts(data, estimator.schema_, header=not no_header, na=na):
            rows = part if limit is None else part[: max(0, limit - done)]
            if not len(rows):
                break
            add(function(rows))
            done += len(rows)
        if not done:
            raise ValueError(f"a file must hold one row or more. Received: {data} without any")
    click.echo(f"{to}: {done} rows")


def scores(estimator: Any, threshold: str | None) -> Callable[[Any], Any]:
    """Return what `score` writes of rows."""
    import pandas as pd

    if threshold is not None:
        estimator.set_threshold(threshold)

    def function(rows: Any) -> Any:
        found = estimator.anomaly_score(rows)
        return pd.DataFrame(
            {
                "score": found,
                "is_anomaly": (found > estimator.threshold_).astype("int64"),
                "p_value": estimator.p_value_of(found),
            }
        )

    return function


def codes(estimator: Any) -> Callable[[Any], Any]:
    """Return what `encode` writes of rows."""
    import pandas as pd

    names = list(estimator.get_feature_names_out())
    return lambda rows: pd.DataFrame(estimator.transform(rows), columns=names)


@click.command()
@click.argument("run")
@BACKEND
@click.option("--count", type=int, default=100, help="Rows to draw.  [default: 100]")
@click.option("--seed", type=int, default=0, help="Of the draws.  [default: 0]")
@click.option("--to", required=True, help="The .csv, .parquet or .npy file to write.")
def synthesize(run: str, backend: str | None, count: int, seed: int, to: str) -> None:
    """Write rows drawn from an estimator of `fit synthesize`."""
    estimator = opened(run, backend, "sample", "synthesize")
    from keras_ae.estimators import table_files

    with table_files.writing(to) as add:
        add(_frame(estimator.sample(count, seed=seed), estimator.schema_.names))
    click.echo(f"{to}: {count} rows")


@click.command()
@click.argument("run")
@BACKEND
@click.option("--row", "rows", type=int, multiple=True, help="A row to explain, from 0 on.")
@click.option("--most", type=int, default=3, help="Columns of each row.  [default: 3]")
@click.option("--threshold", help="Another than that of the run: fpr=0.01, ...")
@click.option("--to", required=True, help="The .csv or .parquet file to write.")
@read_options
def explain(
    run: str,
    backend: str | None,
    rows: tuple[int, ...],
    most: int,
    threshold: str | None,
    to: str,
    data: str,
    no_header: bool,
    na: tuple[str, ...],
) -> None:
    """Write why rows are anomalies: column, value, expected value and contribution."""
    estimator = opened(run, backend, "explain", "anomaly")
    import pandas as pd

    from keras_ae.estimators import table_files

    if threshold is not None:
        estimator.set_threshold(threshold)
    found, start = [], 0
    for part in table_files.parts(data, estimator.schema_, header=not no_header, na=na):
        wanted = [row - start for row in rows if start <= row < start + len(part)]
        if wanted or not rows:
            lines = estimator.explain(part, wanted or None)
            found.append(
                lines.groupby("row", sort=False).head(most).assign(row=lines["row"] + start)
            )
        start += len(part)
    if rows and max(rows) >= start:
        raise ValueError(f"`--row` must be below {start}. Received: {max(rows)}")
    table = pd.concat(found, ignore_index=True)
    table["value"], table["expected"] = table["value"].astype(str), table["expected"].astype(str)
    with table_files.writing(to) as add:
        add(table)
    click.echo(f"{to}: {table['row'].nunique()} rows")


def filled(estimator: Any) -> Callable[[Any], Any]:
    """Return what `impute` writes of rows."""
    return lambda rows: _frame(estimator.transform(rows), estimator.schema_.names)


def _frame(table: Any, names: list[str]) -> Any:
    import numpy as np
    import pandas as pd

    return pd.DataFrame(table, columns=names) if isinstance(table, np.ndarray) else table
