"""Several code sizes, to choose one by its error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from keras_ae.cli.options import Ints


@click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("variant")
@click.option("--latent-dim", type=Ints(), required=True, help="Code sizes: 2,4,8,16.")
@click.option("--out", required=True, help="The folder to write.")
@click.pass_context
def sweep(context: click.Context, variant: str, latent_dim: list[int], out: str) -> None:
    """Train a variant at several code sizes and draw its test error beside PCA's.

    Takes every option of `keras-ae train VARIANT` besides. Sizes that were finished with the same
    options are kept, so that a sweep that was stopped goes on.
    """
    from keras_ae.cli import commands

    if not latent_dim:
        raise ValueError("a sweep needs at least one code size. Received: --latent-dim none")
    train = commands.train_command(variant)
    rows: list[dict[str, float]] = []
    for size in sorted(set(latent_dim)):
        folder = Path(out) / f"latent_dim_{size}"
        arguments = ["--latent-dim", str(size), "--out", str(folder), *context.args]
        with train.make_context(variant, arguments) as inner:
            given: dict[str, Any] = dict(inner.params)
        where = {name: given.pop(name) for name in commands.RUN_OPTIONS}
        if where["export"]:
            where["export"] += f"_{size}"
        chosen = commands.resolved(commands.read_settings(variant, given))
        metrics = _finished(folder, chosen) or commands.start(chosen, **where)
        row = {"latent_dim": size, "mse": metrics["test"]["mse"], "pca_mse": metrics["pca"]["mse"]}
        rows.append(row)
        _write(Path(out), variant, rows)
    click.echo(f"{Path(out) / 'sweep.png'}: {len(rows)} code sizes")


def _finished(folder: Path, chosen: Any) -> dict[str, Any] | None:
    """Return the metrics of a run that was finished with these settings, or None."""
    from keras_ae.cli.settings import Settings
    from keras_ae.reports import RunFolder

    run = RunFolder(folder)
    metrics = run.read_metrics()
    if not (run.config.is_file() and metrics):
        return None
    is_same = Settings.from_dict(run.read_config()) == chosen
    return metrics if is_same and metrics["status"] == "finished" else None


def _write(out: Path, variant: str, rows: list[dict[str, float]]) -> None:
    from keras_ae.files import replacing
    from keras_ae.plots import error_curve

    names = list(rows[0])
    lines = [",".join(names), *(",".join(str(row[name]) for name in names) for row in rows)]
    with replacing(out / "sweep.csv") as partial:
        partial.write_text("\n".join(lines) + "\n")
    sizes = [int(row["latent_dim"]) for row in rows]
    errors = {variant: [row["mse"] for row in rows], "PCA": [row["pca_mse"] for row in rows]}
    with replacing(out / "sweep.png") as partial:
        error_curve(sizes, errors).savefig(partial, dpi=110, format="png")
