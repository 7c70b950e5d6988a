"""Drawing new examples, and fitting what they are drawn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from keras_ae.cli import index
from keras_ae.cli.options import SEPARATOR, nested_options
from keras_ae.cli.rows import (
    ARRAYS,
    BACKEND,
    RUN,
    file_to_write,
    loaded,
    opened_with_labels,
    rows_options,
    write,
)


@click.command()
@RUN
@click.option(
    "--count", type=click.IntRange(min=1), default=16, help="Number of examples.  [default: 16]"
)
@click.option("--seed", type=int, default=0, help="Of the draws.")
@click.option("--temperature", type=float, default=1.0, help="Below 1: more typical examples.")
@click.option("--label", help="The class to draw, of a sampler of classes.")
@click.option("--condition", help="The class to draw, of a model that is told labels.")
@click.option("--observed", is_flag=True, help="Draws of p(x | z) instead of its mean.")
@file_to_write(*ARRAYS, ".png")
@BACKEND
def sample(
    run: str,
    count: int,
    seed: int,
    temperature: float,
    label: str | None,
    condition: str | None,
    observed: bool,
    to: Path,
    backend: str | None,
) -> None:
    """Write examples drawn from a model's prior or its sampler, to .npy, .csv or .png."""
    model = loaded(run, backend)
    from keras_ae.cli.conditions import named

    drawn = model.sample(
        count,
        seed=seed,
        temperature=temperature,
        label=_known(model, label),
        condition=named(model.condition, condition),
        observed=observed,
    )
    if to.suffix == ".png":
        from keras_ae.files import replacing
        from keras_ae.plots import example_grid

        rows = {f"draw {i + 1}": drawn[i : i + 8] for i in range(0, len(drawn), 8)}
        with replacing(to) as partial:
            example_grid(rows).savefig(partial, dpi=110, format="png")
        click.echo(f"{to}: {len(drawn)} examples")
        return
    write(to, drawn)


def sampler_options(command: Any) -> Any:
    """Give a command the option that names a sampler, and those of each sampler."""
    names = sorted(index.load()["parts"]["samplers"])
    command.params += [
        click.Option(
            ["--sampler"],
            type=click.Choice(["prior", *names]),
            required=True,
            help="What to fit: docs/parts.md says what each is.",
        ),
        *nested_options("sampler", "samplers"),
    ]
    return command


@sampler_options
@click.command("fit-sampler")
@RUN
@rows_options
@click.option("--seed", type=int, default=0, help="Of what is random in fitting.")
def fit_sampler(run: str, sampler: str, seed: int, **given: Any) -> None:
    """Fit a sampler to a run's codes of its training data, or of others; `sample` then uses it.

    It is stored in the run's model. `--sampler prior` takes it out again.
    """
    options = {k.partition(SEPARATOR)[2]: v for k, v in given.items() if SEPARATOR in k}
    rows_of = {key: value for key, value in given.items() if SEPARATOR not in key}
    if rows_of["data"] is None and rows_of["part"] is None:
        rows_of["part"] = "train"
    if sampler == "prior":
        check_only_the_run(given)
        model = loaded(run, rows_of["backend"])
        if model.prior is None:
            raise ValueError(
                f"--sampler prior needs a model with a prior. Received: `{model.variant}` without."
            )
        model.use_sampler(None)
    else:
        model, rows, labels, _ = opened_with_labels(run, **rows_of)
        from keras_ae import samplers

        chosen = {key: value for key, value in options.items() if value is not None}
        samplers.get({"name": sampler, **chosen}).fit(model, rows, labels=labels, seed=seed)
    from keras_ae.reports import RunFolder

    folder = RunFolder(run)
    folder.write(folder.model, model.save)
    click.echo(f"{folder.model}: samples from {sampler}")


def check_only_the_run(given: dict[str, Any]) -> None:
    """Refuse options that going back to the prior would ignore.

    Raises:
        click.UsageError: One was given.
    """
    ignored = sorted(k for k, v in given.items() if v is not None and k != "backend")
    if ignored:
        names = ", ".join("--" + name.replace(SEPARATOR, ".").replace("_", "-") for name in ignored)
        raise click.UsageError(f"--sampler prior takes no data and no options. Received: {names}")


def _known(model: Any, label: str | None) -> Any:
    """Return the class that a word of the command line names: a number where classes are."""
    from keras_ae.cli.conditions import is_named

    classes = getattr(model.sampler, "classes", None) or []
    return next((k for k in classes if label is not None and is_named(k, label)), label)
