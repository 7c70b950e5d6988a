"""What is done with a trained run folder, and what is known of the variants."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from keras_ae.cli import index
from keras_ae.cli.session import choose_backend
from keras_ae.cli.sweep import sweep

RUN = click.argument("run")
BACKEND = click.option("--backend", help="jax, tensorflow or torch.")
TO = click.option("--to", required=True, help="The .npy or .csv file to write.")


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


@click.command("list")
def list_verb() -> None:
    """List the variants."""
    width = max(map(len, index.variants()))
    for name, known in sorted(index.variants().items()):
        click.echo(f"{name:{width}}  {known['summary']}")


@click.command()
@click.argument("variant")
def describe(variant: str) -> None:
    """Describe a variant: what it is for, its paper, its hyper-parameters."""
    known = index.variant(variant)
    click.echo(f"{variant} ({known['family']}): {known['summary']}\n{known['paper']}\n")
    for parameter in known["parameters"]:
        click.echo(f"  {parameter['name']} = {parameter['default']}  {parameter['help']}")


@click.command()
@RUN
@rows_options
@click.option("--samples", type=int, default=1, help="Passes with their own noise.")
@click.option("--seed", type=int, default=0, help="Of the noise.")
def evaluate(run: str, samples: int, seed: int, **rows_of: Any) -> None:
    """Measure the loss, its terms and the errors on some data."""
    model, rows = _opened(run, **rows_of)
    from keras_ae.reports import reconstruction_errors

    losses = model.evaluate(rows, samples=samples, seed=seed, verbose=0, return_dict=True)
    errors = reconstruction_errors(rows, model.reconstruct(rows))
    click.echo(json.dumps({**losses, **errors, "rows": len(rows)}, indent=2))


@click.command()
@RUN
@rows_options
@TO
def encode(run: str, to: str, **rows_of: Any) -> None:
    """Write the codes of some data."""
    model, rows = _opened(run, **rows_of)
    _write(to, model.encode(rows))


@click.command()
@RUN
@rows_options
@TO
def reconstruct(run: str, to: str, **rows_of: Any) -> None:
    """Write the reconstructions of some data."""
    model, rows = _opened(run, **rows_of)
    _write(to, model.reconstruct(rows))


@click.command()
@RUN
@rows_options
@TO
def score(run: str, to: str, **rows_of: Any) -> None:
    """Write the anomaly score of each row of some data; higher is more anomalous."""
    model, rows = _opened(run, **rows_of)
    _write(to, model.score(rows))


@click.command()
@RUN
@click.option("--count", type=int, default=16, help="Number of examples.  [default: 16]")
@click.option("--seed", type=int, default=0, help="Of the draws.")
@TO
@BACKEND
def sample(run: str, count: int, seed: int, to: str, backend: str | None) -> None:
    """Write examples drawn from a generative model, to .npy, .csv or .png."""
    model = _loaded(run, backend)
    drawn = model.sample(count, seed=seed)
    if Path(to).suffix == ".png":
        from keras_ae.plots import example_grid
        from keras_ae.reports.run import replacing

        rows = {f"draw {i + 1}": drawn[i : i + 8] for i in range(0, len(drawn), 8)}
        with replacing(Path(to)) as partial:
            example_grid(rows).savefig(partial, dpi=110, format="png")
        return
    _write(to, drawn)


@click.command()
@RUN
@click.option("--to", default="saved_models", help="The model repository.  [saved_models]")
@click.option("--name", help="Name of the model; the run folder's when left out.")
@BACKEND
def export(run: str, to: str, name: str | None, backend: str | None) -> None:
    """Write a SavedModel as the next version and compare it with the model."""
    choose_backend(backend)
    from keras_ae.cli.commands import export_run
    from keras_ae.reports import RunFolder

    export_run(RunFolder(run), to, name)


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
) -> tuple[Any, Any]:
    """Return a run's model and the rows that are meant; all rows are in their source's order."""
    model = _loaded(run, backend)
    import numpy as np

    from keras_ae import datasets
    from keras_ae.reports import RunFolder

    if data is None:
        settings = RunFolder(run).read_config()
        cut = {"label_column": settings["label_column"], "seed": settings["seed"]}
    else:
        settings, cut = {"data": data}, {"label_column": label_column}
    if part == "all" or (part is None and data is not None):
        cut["test_fraction"] = None
    chosen = datasets.load(settings["data"], **cut)
    if part == "all" and chosen.x_train is not chosen.x_test:
        return model, np.concatenate([chosen.x_train, chosen.x_test])[:limit]
    return model, (chosen.x_train if part == "train" else chosen.x_test)[:limit]


def _write(to: str, values: Any) -> None:
    import numpy as np

    from keras_ae.reports.run import replacing

    target = Path(to)
    if target.suffix not in (".npy", ".csv"):
        raise ValueError(f"`--to` must end in .npy or .csv. Received: {to}")
    with replacing(target) as partial:
        if target.suffix == ".npy":
            with partial.open("wb") as file:
                np.save(file, values)
        else:
            np.savetxt(partial, np.reshape(values, (len(values), -1)), delimiter=",", fmt="%.8g")
    click.echo(f"{target}: {np.shape(values)}")


VERBS = [list_verb, describe, evaluate, encode, reconstruct, score, sample, export, sweep]
