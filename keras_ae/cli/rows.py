"""Runs and rows of data that a verb works on, and the files that it writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from keras_ae.cli.session import choose_backend
from keras_ae.cli.settings import Settings, check_limit

RUN = click.argument("run")
BACKEND = click.option("--backend", help="jax, tensorflow or torch.")
ARRAYS = (".npy", ".csv", ".parquet")


def file_to_write(*suffixes: str, required: bool = True) -> Any:
    """Return the option `--to`, which refuses a wrong ending before anything is computed."""

    def check(context: Any, option: Any, to: str | None) -> Path | None:
        if to is not None and Path(to).suffix not in suffixes:
            raise ValueError(f"`--to` must end in {' or '.join(suffixes)}. Received: {to}")
        return None if to is None else Path(to)

    what = f"The {' or '.join(suffixes)} file to write"
    help_text = f"{what}." if required else f"{what}; printed when left out."
    return click.option("--to", required=required, callback=check, help=help_text)


def rows_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which rows are meant, and on which backend."""
    for option in (
        BACKEND,
        click.option("--limit", type=int, help="Use the first rows only."),
        click.option(
            "--part",
            type=click.Choice(["all", "train", "test"]),
            help="Rows of the data to use.  [default: test rows where there are such, else all]",
        ),
        click.option("--label-column", help="The column of labels in a table given by --data."),
        click.option("--data", help="A name or a path; the run's own data when left out."),
    ):
        command = option(command)
    return command


def loaded(run: str, backend: str | None) -> Any:
    """Return a run's model, on this backend."""
    choose_backend(backend)
    from keras_ae.reports import RunFolder

    return RunFolder(run).load_model()


def opened(
    run: str,
    data: str | None,
    label_column: str | None,
    part: str | None,
    limit: int | None,
    backend: str | None,
) -> tuple[Any, Any, Settings]:
    """Return a run's model, the rows that are meant, and the run's settings.

    Without `data` they are rows of the run's own data; all rows are in their source's order. Of a
    model that is told labels they are a dict with those as conditions.
    """
    model, rows, _, settings = opened_with_labels(run, data, label_column, part, limit, backend)
    return model, rows, settings


def opened_with_labels(
    run: str,
    data: str | None,
    label_column: str | None,
    part: str | None,
    limit: int | None,
    backend: str | None,
) -> tuple[Any, Any, Any, Settings]:
    """Return the same, and the labels of the rows, or None."""
    if data is None and label_column is not None:
        raise ValueError("`--label-column` must come with `--data`. Received: no --data.")
    check_limit(limit)
    model = loaded(run, backend)
    import numpy as np

    from keras_ae import datasets
    from keras_ae.reports import RunFolder

    settings = Settings.from_dict(RunFolder(run).read_config())
    cut: dict[str, Any] = {"label_column": settings.label_column, "seed": settings.seed}
    if data is None:
        cut["limit"] = settings.limit
    elif label_column is not None or not datasets.has_column(data, settings.label_column):
        cut["label_column"] = label_column
    if part == "all" or (part is None and data is not None):
        cut["test_fraction"] = None
    chosen = datasets.load(data or settings.data, **cut)
    if part == "all" and chosen.x_train is not chosen.x_test:
        rows = np.concatenate([chosen.x_train, chosen.x_test])
        known = chosen.y_train is not None and chosen.y_test is not None
        labels = np.concatenate([chosen.y_train, chosen.y_test]) if known else None
    elif part == "train":
        rows, labels = chosen.x_train, chosen.y_train
    else:
        rows, labels = chosen.x_test, chosen.y_test
    from keras_ae.cli.conditions import told

    rows, labels = rows[:limit], None if labels is None else labels[:limit]
    if model.group_size is not None and rows.ndim == len(model.event_shape) + 2:
        rows = rows.reshape(-1, *model.event_shape)
        labels = None if labels is None else np.repeat(labels, model.group_size)
    return model, told(model.condition, rows, labels, chosen.origin), labels, settings


def write(to: Path, values: Any) -> None:
    """Write an array as .npy, .csv or .parquet, at once."""
    import numpy as np

    from keras_ae.files import replacing

    with replacing(to) as partial:
        if to.suffix == ".npy":
            with partial.open("wb") as file:
                np.save(file, values)
        elif to.suffix == ".parquet":
            import pandas as pd

            flat = np.reshape(values, (len(values), -1))
            names = [f"x{i}" for i in range(flat.shape[1])]
            pd.DataFrame(flat, columns=names).to_parquet(partial, index=False)
        else:
            np.savetxt(partial, np.reshape(values, (len(values), -1)), delimiter=",", fmt="%.8g")
    click.echo(f"{to}: {np.shape(values)}")
