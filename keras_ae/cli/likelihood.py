"""How likely a model finds data."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import click

from keras_ae.cli.rows import RUN, file_to_write, opened, rows_options, write


@click.command("log-prob")
@RUN
@rows_options
@click.option("--samples", type=int, default=100, help="Draws for each row.  [default: 100]")
@click.option("--levels", type=int, help="For bits of a density: 256 for bytes.")
@click.option("--seed", type=int, default=0, help="Of the noise.")
@file_to_write(".json", ".npy", ".csv", required=False)
def log_prob(
    run: str, samples: int, levels: int | None, seed: int, to: Path | None, **rows_of: Any
) -> None:
    """Estimate log p(x) of some data by the importance-weighted bound, in nats.

    The mean and its standard error (null for one row) as JSON; to .npy or .csv, the value of each
    row.
    """
    model, rows, _ = opened(run, **rows_of)
    import numpy as np

    from keras_ae.bounds import check_levels

    check_levels(model.likelihood, levels)
    # Keras shows progress on stdout, which is the figures' alone.
    with contextlib.redirect_stdout(sys.stderr):
        values = model.log_prob(rows, samples, seed=seed, verbose=1)
    if to is not None and to.suffix != ".json":
        write(to, values)
        return
    count = len(values)
    error = float(values.std(ddof=1) / np.sqrt(count)) if count > 1 else None
    bits = model.bits_per_dim(rows, levels=levels, log_prob=values)
    figures = {
        "log_prob": float(values.mean()),
        "standard_error": error,
        "bits_per_dim": float(bits.mean()),
        "samples": samples,
        "rows": count,
        "seed": seed,
    }
    text = json.dumps(figures, indent=2)
    if to is None:
        click.echo(text)
        return
    from keras_ae.files import replacing

    with replacing(to) as partial:
        partial.write_text(text + "\n")
    click.echo(f"{to}: {count} rows")
