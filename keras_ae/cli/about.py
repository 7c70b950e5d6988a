"""What is known of the variants, and of runs that were trained: `list` and `describe`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from keras_ae.cli import index


@click.command("list")
@click.argument("folder", required=False)
def list_verb(folder: str | None) -> None:
    """List the variants, or the runs in FOLDER and below it."""
    if folder is not None:
        _print_runs(Path(folder))
        return
    width = max(map(len, index.variants()))
    for name, known in sorted(index.variants().items()):
        click.echo(f"{name:{width}}  {known['summary']}")


@click.command()
@click.argument("what", metavar="VARIANT|RUN")
def describe(what: str) -> None:
    """Describe a variant: what it is for, its paper, its hyper-parameters; or a run folder."""
    if (Path(what) / "config.yaml").is_file():
        _print_run(Path(what))
        return
    known = index.variant(what)
    click.echo(f"{what} ({known['family']}): {known['summary']}\n{known['paper']}\n")
    for parameter in known["parameters"]:
        click.echo(f"  {parameter['name']} = {parameter['default']}  {parameter['help']}")


def print_metrics(metrics: dict[str, Any], path: Path) -> None:
    """Print the figures of merit of a finished run as a table, and what is beside them."""
    from rich.console import Console
    from rich.table import Table

    parts = ("train", "validation", "test")
    names = [key for key, value in metrics["test"].items() if isinstance(value, float)]
    table = Table("", *parts, title=f"{path}  ({metrics['backend']})")
    for name in names:
        table.add_row(name, *(f"{metrics[part][name]:.5g}" for part in parts))
    Console().print(table)
    data = metrics["data"]
    note = f" ({data['note']})" if data["note"] else ""
    click.echo(f"data: {data['name']} from {data['origin']}{note}")
    pca = metrics["pca"]
    click.echo(f"PCA with {pca['components']} components: test mse {pca['mse']:.5g}")
    if probe := metrics.get("linear_probe"):
        shares = ", ".join(f"{name} {value:.3f}" for name, value in probe.items())
        click.echo(f"linear probe, test accuracy: {shares}")
    pictures = ", ".join(sorted(p.name for p in path.glob("*.png")))
    click.echo(f"pictures in {path}: {pictures}")


def _print_run(path: Path) -> None:
    settings, metrics = _settings_and_metrics(path)
    known = index.variant(settings["variant"])
    click.echo(f"{settings['variant']} ({known['family']}): {known['summary']}\n")
    for name, value in settings.items():
        if name not in ("variant", "hyper_parameters") and value is not None:
            click.echo(f"  {name} = {value}")
    for name, value in (settings.get("hyper_parameters") or {}).items():
        click.echo(f"  {name} = {value}")
    click.echo(f"\n{metrics['status']}, {metrics.get('epochs', 0)} epochs")
    if "test" in metrics:
        print_metrics(metrics, path)


def _print_runs(folder: Path) -> None:
    """Print one row for each run folder, those of a sweep included.

    Raises:
        FileNotFoundError: There is none.
    """
    from rich.console import Console
    from rich.table import Column, Table

    runs = [path.parent for path in sorted(folder.rglob("config.yaml"))]
    if not runs:
        raise FileNotFoundError(
            f"a folder of runs must hold one that `train` has written. Received: {folder}, none."
        )
    table = Table(
        Column("run", overflow="fold"), "variant", "data", "code", "status", "test loss", "test mse"
    )
    for run in runs:
        settings, metrics = _settings_and_metrics(run)
        code = (settings.get("hyper_parameters") or {}).get("latent_dim", "")
        figures = [metrics.get("test", {}).get(name) for name in ("loss", "mse")]
        table.add_row(
            *(str(run.relative_to(folder)), settings["variant"], str(settings["data"]), str(code)),
            metrics["status"],
            *("" if value is None else f"{value:.5g}" for value in figures),
        )
    Console().print(table)


def _settings_and_metrics(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    from keras_ae.reports import RunFolder  # numpy, which `--help` must not wait for

    run = RunFolder(path)
    return run.read_config(), run.read_metrics() or {"status": "not finished"}
