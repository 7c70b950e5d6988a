"""What is done with a trained run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from keras_ae.cli import table_fits, tables
from keras_ae.cli.about import describe, list_verb
from keras_ae.cli.compression import compress, decompress
from keras_ae.cli.drawing import fit_sampler, sample
from keras_ae.cli.export import export
from keras_ae.cli.likelihood import log_prob
from keras_ae.cli.rows import ARRAYS, RUN, file_to_write, opened, rows_options, write
from keras_ae.cli.serve import serve
from keras_ae.cli.sweep import sweep


@click.command()
@RUN
@rows_options
@click.option("--samples", type=int, default=1, help="Passes with their own noise.")
@click.option("--seed", type=int, default=0, help="Of the noise.")
@file_to_write(".json", required=False)
def evaluate(run: str, samples: int, seed: int, to: Path | None, **rows_of: Any) -> None:
    """Measure the loss, its terms and the errors on some data."""
    model, rows, settings = opened(run, **rows_of)
    from keras_ae.cli.outcome import measured

    # In the batches of the training, so that the noise and the figures are those in metrics.json.
    figures = measured(model, rows, settings.batch_size, samples, seed)
    text = json.dumps(figures, indent=2)
    if to is None:
        click.echo(text)
        return
    from keras_ae.files import replacing

    with replacing(to) as partial:
        partial.write_text(text + "\n")
    click.echo(f"{to}: {figures['rows']} rows")


@click.command()
@RUN
@rows_options
@tables.how_to_read
@file_to_write(*ARRAYS)
def encode(run: str, to: Path, no_header: bool, na: tuple[str, ...], **rows_of: Any) -> None:
    """Write the codes of some data."""
    if tables.is_fitted(run):
        embedder = tables.opened(run, rows_of["backend"], "inverse_transform", "embed")
        tables.applied(embedder, tables.codes(embedder), to, no_header, na, **rows_of)
        return
    model, rows, _ = opened(run, **rows_of)
    write(to, model.encode(rows))


@click.command()
@RUN
@rows_options
@tables.how_to_read
@file_to_write(*ARRAYS)
def reconstruct(run: str, to: Path, no_header: bool, na: tuple[str, ...], **rows_of: Any) -> None:
    """Write the reconstructions of some data."""
    if tables.is_fitted(run):
        denoiser = tables.opened(run, rows_of["backend"], "corruption", "denoise")
        tables.applied(denoiser, tables.filled(denoiser), to, no_header, na, **rows_of)
        return
    model, rows, _ = opened(run, **rows_of)
    write(to, model.reconstruct(rows))


@click.command()
@RUN
@rows_options
@tables.how_to_read
@click.option("--threshold", help="Of a run of `fit anomaly`: another than its own, fpr=0.01, ...")
@file_to_write(*ARRAYS)
def score(
    run: str,
    to: Path,
    threshold: str | None,
    no_header: bool,
    na: tuple[str, ...],
    **rows_of: Any,
) -> None:
    """Write the anomaly score of each row of some data; higher is more anomalous."""
    if tables.is_fitted(run):
        detector = tables.opened(run, rows_of["backend"], "anomaly_score", "anomaly")
        rows = tables.scores(detector, threshold)
        tables.applied(detector, rows, to, no_header, na, **rows_of)
        return
    if threshold is not None:
        raise ValueError("`--threshold` is of runs of `keras-ae fit anomaly`. Received: another")
    model, rows, _ = opened(run, **rows_of)
    write(to, model.score(rows))


@click.command()
@RUN
@rows_options
@click.option("--samples", type=int, default=1_000, help="Draws for each row.  [default: 1000]")
@click.option(
    "--imputations",
    type=int,
    help="Draw each gap so often, and write an .npy with them along its first axis.  "
    "[default: the mean]",
)
@click.option("--seed", type=int, default=0, help="Of the noise.")
@tables.how_to_read
@file_to_write(*ARRAYS)
def impute(
    run: str,
    samples: int,
    imputations: int | None,
    seed: int,
    to: Path,
    no_header: bool,
    na: tuple[str, ...],
    **rows_of: Any,
) -> None:
    """Write some data with their missing entries filled in."""
    if tables.is_fitted(run):
        imputer = tables.opened(run, rows_of["backend"], "impute", "impute")
        tables.applied(imputer, tables.filled(imputer), to, no_header, na, **rows_of)
        return
    if imputations is not None and to.suffix != ".npy":
        raise ValueError(f"`--to` must end in .npy with --imputations. Received: {to}")
    model, rows, _ = opened(run, **rows_of)
    write(to, model.impute(rows, samples, imputations=imputations, seed=seed))


VERBS = [
    table_fits.fit,
    tables.cluster,
    tables.explain,
    tables.synthesize,
    list_verb,
    describe,
    evaluate,
    encode,
    reconstruct,
    score,
    impute,
    compress,
    decompress,
    log_prob,
    sample,
    fit_sampler,
    export,
    serve,
    sweep,
]
