"""Exporting from the command line."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from keras_ae.cli.session import choose_backend
from keras_ae.repository import layout

FORMATS = ("saved_model", "onnx", "litert", "openvino", "torch")


class Export(click.Command):
    """A command whose `--format` takes several words: `--format onnx torch`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before every further format."""
        given: list[str] = []
        is_open = False
        for word in args:
            is_first = given[-1:] == ["--format"]
            if is_open and not is_first and word in FORMATS:
                given.append("--format")
            elif not is_first:
                is_open = word == "--format"
            given.append(word)
        return super().parse_args(ctx, given)


@click.command(cls=Export)
@click.argument("run")
@click.option(
    "--format",
    "formats",
    multiple=True,
    default=("saved_model",),
    help=f"One or several of {', '.join(FORMATS)}.  [default: saved_model]",
)
@click.option("--to", default="saved_models", help="The model repository.  [saved_models]")
@click.option("--name", help="Name of the model; the run folder's when left out.")
@click.option("--version", type=int, help="Its number; the next one when left out.")
@click.option("--signature", "signatures", multiple=True, help="Write this one only, or these.")
@click.option("--label", "labels", multiple=True, help="A label for the version, beside latest.")
@click.option(
    "--import", "modules", multiple=True, help="A module or .py file with the model's own layers."
)
@click.option("--backend", help="jax, tensorflow or torch.")
def export(run: str, to: str, name: str | None, backend: str | None, **how: Any) -> None:
    """Write a run or a .keras file as a version that others run, compared with the model."""
    choose_backend(backend)
    export_run(Path(run), to, name, **how)


def export_run(
    run: Path,
    to: str,
    name: str | None = None,
    *,
    formats: Sequence[str] = ("saved_model",),
    version: int | None = None,
    signatures: Sequence[str] = (),
    labels: Sequence[str] = (),
    modules: Sequence[str] = (),
) -> Any:
    """Write a run's model as a version under `to`; say where, how fast and how close."""
    from keras_ae import exporting

    whole = run.resolve()
    name = name or (whole.stem if whole.suffix == ".keras" else whole.name)
    target = exporting.next_version(to, name)
    if version is not None:
        target = target.with_name(str(version))
        layout.check_version(target)
    with _at_work(f"writing {target}"):
        report = exporting.export(
            run,
            target,
            formats,
            signatures=signatures or None,
            modules=modules,
            labels=labels,
            progress=click.echo,
        )
    click.echo(f"{report.path}: {', '.join(report.signatures)}")
    worst = max(report.parity.values())
    click.echo(f"largest difference from the model: {worst:.2g} of max(1, |value|)")
    return report


def _at_work(text: str) -> Any:
    """Return a sign on the terminal that something goes on."""
    if not sys.stderr.isatty():
        return contextlib.nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(text)
