"""What is done with a trained run folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from keras_ae.cli.about import describe, list_verb
from keras_ae.cli.export import export
from keras_ae.cli.serve import serve
from keras_ae.cli.session import choose_backend
from keras_ae.cli.settings import Settings, check_limit
from keras_ae.cli.sweep import sweep

RUN = click.argument("run")
BACKEND = click.option("--backend", help="jax, tensorflow or torch.")
ARRAYS = (".npy", ".csv")


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


@click.command()
@RUN
@rows_options
@click.option("--samples", type=int, default=1, help="Passes with their own noise.")
@click.option("--seed", type=int, default=0, help="Of the noise.")
@file_to_write(".json", required=False)
def evaluate(run: str, samples: int, seed: int, to: Path | None, **rows_of: Any) -> None:
    """Measure the loss, its terms and the errors on some data."""
    model, rows, settings = _opened(run, **rows_of)
    from keras_ae.cli.outcome import measured

    # In the batches of the training, so that the noise and the figures are those in metrics.json.
    figures = measured(model, rows, settings.batch_size, samples, seed)
    text = json.dumps(figures, indent=2)
    if to is None:
        click.echo(text)
        return
    from keras_ae.reports.run import replacing

    with replacing(to) as partial:
        partial.write_text(text + "\n")
    click.echo(f"{to}: {len(rows)} rows")


@click.command()
@RUN
@rows_options
@file_to_write(*ARRAYS)
def encode(run: str, to: Path, **rows_of: Any) -> None:
    """Write the codes of some data."""
    model, rows, _ = _opened(run, **rows_of)
    _write(to, model.encode(rows))


@click.command()
@RUN
@rows_options
@file_to_write(*ARRAYS)
def reconstruct(run: str, to: Path, **rows_of: Any) -> None:
    """Write the reconstructions of some data."""
    model, rows, _ = _opened(run, **rows_of)
    _write(to, model.reconstruct(rows))


@click.command()
@RUN
@rows_options
@file_to_write(*ARRAYS)
def score(run: str, to: Path, **rows_of: Any) -> None:
    """Write the anomaly score of each row of some data; higher is more anomalous."""
    model, rows, _ = _opened(run, **rows_of)
    _write(to, model.score(rows))


@click.command()
@RUN
@click.option("--count", type=int, default=16, help="Number of examples.  [default: 16]")
@click.option("--seed", type=int, default=0, help="Of the draws.")
@file_to_write(*ARRAYS, ".png")
@BACKEND
def sample(run: str, count: int, seed: int, to: Path, backend: str | None) -> None:
    """Write examples drawn from a generative model, to .npy, .csv or .png."""
    model = _loaded(run, backend)
    drawn = model.sample(count, seed=seed)
    if to.suffix == ".png":
        from keras_ae.plots import example_grid
        from keras_ae.reports.run import replacing

        rows = {f"draw {i + 1}": drawn[i : i + 8] for i in range(0, len(drawn), 8)}
        with replacing(to) as partial:
            example_grid(rows).savefig(partial, dpi=110, format="png")
        click.echo(f"{to}: {len(drawn)} examples")
        return
    _write(to, drawn)


def _loaded(run: str, backend: str | None) -> Any:
    choose_backend(backend)
    from keras_ae.reports import RunFolder

    return RunFolder(run).load_model()


def _opened(
    run: str,
    data: str | None,
    label_column: str | None,
    part: str | None,
    limit: int | None,
    backend: str | None,
) -> tuple[Any, Any, Settings]:
    """Return a run's model, the rows that are meant, and the run's settings.

    Without `data` they are rows of the run's own data; all rows are in their source's order.
    """
    if data is None and label_column is not None:
        raise ValueError("`--label-column` must come with `--data`. Received: no --data.")
    check_limit(limit)
    model = _loaded(run, backend)
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
        return model, np.concatenate([chosen.x_train, chosen.x_test])[:limit], settings
    return model, (chosen.x_train if part == "train" else chosen.x_test)[:limit], settings


def _write(to: Path, values: Any) -> None:
    import numpy as np

    from keras_ae.reports.run import replacing

    with replacing(to) as partial:
        if to.suffix == ".npy":
            with partial.open("wb") as file:
                np.save(file, values)
        else:
            np.savetxt(partial, np.reshape(values, (len(values), -1)), delimiter=",", fmt="%.8g")
    click.echo(f"{to}: {np.shape(values)}")


VERBS = [list_verb, describe, evaluate, encode, reconstruct, score, sample, export, serve, sweep]
