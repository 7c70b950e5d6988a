"""Fitted estimators of tables on files: the verbs on what `fit` writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from keras_ae.cli.rows import BACKEND
from keras_ae.cli.session import choose_backend

ESTIMATOR = "fitted.estimator"


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
@click.option("--to", required=True, help="The .csv, .parquet or .npy file to write.")
@read_options
def cluster(
    run: str, backend: str | None, to: str, data: str, no_header: bool, na: tuple[str, ...]
) -> None:
    """Write the cluster of each row, and its share in it, by an estimator of `fit cluster`."""
    estimator = opened(run, backend, "predict_proba", "cluster")
    import pandas as pd

    def function(rows: Any) -> Any:
        shares = estimator.predict_proba(rows)
        return pd.DataFrame({"cluster": shares.argmax(axis=1), "share": shares.max(axis=1)})

    applied(estimator, function, Path(to), no_header, na, data)


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
