"""Training from the command line: new, again, resumed, and over several code sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from keras_ae.cli import index, options, settings
from keras_ae.cli.about import print_metrics
from keras_ae.cli.export import export_run
from keras_ae.cli.session import choose_backend
from keras_ae.cli.settings import Settings

RUN_OPTIONS = ("out", "export", "saved_models")


def train_command(variant: str) -> click.Command:
    """Return the command that trains a variant, with an option for every hyper-parameter."""
    known = index.variant(variant)

    def run(**given: Any) -> None:
        where = {name: given.pop(name) for name in RUN_OPTIONS}
        chosen = read_settings(variant, given)
        start(chosen, where["out"], where["export"], where["saved_models"])

    return click.Command(
        variant,
        params=[*settings.options(), *options.hyper_parameters(variant)],
        callback=run,
        help=f"{known['summary']}\n\n{known['paper']}",
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def read_settings(variant: str, given: dict[str, Any]) -> Settings:
    """Return the settings from option values; what was not given keeps its default."""
    names = {option.name for option in settings.options()} - set(RUN_OPTIONS)
    own = {name: given.pop(name) for name in names}
    return Settings(
        variant=variant,
        hyper_parameters=options.arguments(given, variant),
        **{name: value for name, value in own.items() if value is not None},
    )


def start(
    chosen: Settings, out: str, export: str | None = None, saved_models: str = "saved_models"
) -> dict[str, Any]:
    """Train into a new run folder, and export when asked; return the metrics."""
    if not out.strip():
        raise ValueError(f"`--out` must be the folder to write. Received: {out!r}")
    if export is not None:
        from keras_ae import exporting

        exporting.check_target(saved_models, export or Path(out).resolve().name)
    return _train(resolved(chosen), out, export, saved_models)


def resolved(chosen: Settings) -> Settings:
    """Return the settings with the backend that runs, and data that mean the same everywhere."""
    backend = choose_backend(chosen.backend)
    from keras_ae.datasets import NAMES

    path = Path(chosen.data).expanduser()
    is_path = chosen.data not in NAMES and path.exists()
    return replace(chosen, backend=backend, data=str(path.absolute()) if is_path else chosen.data)


def train_again(config: str, out: str, backend: str | None, **export: Any) -> None:
    """Train what a config file says."""
    from keras_ae.reports.run import read_config

    chosen = Settings.from_dict(read_config(Path(config)))
    start(replace(chosen, backend=backend or chosen.backend), out, **export)


def resume(folder: str, backend: str | None, **export: Any) -> None:
    """Go on with an interrupted training."""
    from keras_ae.reports.run import RunFolder, read_config

    chosen = Settings.from_dict(read_config(RunFolder(folder).config))
    chosen = replace(chosen, backend=choose_backend(backend or chosen.backend))
    _train(chosen, folder, **export, resume=True)


def _train(
    chosen: Settings, out: str, export: str | None, saved_models: str, resume: bool = False
) -> dict[str, Any]:
    from keras_ae.cli import training
    from keras_ae.reports import RunFolder

    run = RunFolder(out)
    try:
        metrics = training.train(chosen, run, resume=resume)
    except training.Interrupted as stop:
        click.echo(f"stopped; go on with: keras-ae train --resume {out}", err=True)
        raise KeyboardInterrupt from stop
    print_metrics(metrics, run.path)
    if export is not None:
        export_run(run.path, saved_models, export or None)
    return metrics
