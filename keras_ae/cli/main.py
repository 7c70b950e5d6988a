"""The entry point: `keras-ae VERB ...`, errors in one line, exit code 2."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any

import click

from keras_ae.cli import commands, errors, index, settings
from keras_ae.cli.verbs import VERBS
from keras_ae.naming import nearest


class Named(click.Group):
    """A group that suggests the nearest name for an unknown one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Return the command, or say which was probably meant."""
        if args and self.get_command(ctx, args[0]) is None:
            raise click.UsageError(
                f"a verb must be a known one. Received: {args[0]!r}. "
                f"{nearest(args[0], self.list_commands(ctx))}"
            )
        return super().resolve_command(ctx, args)


class Variants(Named):
    """`train`, whose sub-commands are the variants of the index."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the variants' names."""
        return sorted(index.variants())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command that trains this variant."""
        return commands.train_command(cmd_name) if cmd_name in index.variants() else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Return the command of a variant.

        Raises:
            ValueError: There is no such variant; the nearest names are suggested.
        """
        if args:
            index.variant(args[0])
        return super().resolve_command(ctx, args)


@click.group(cls=Named, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="keras-ae")
@click.option("--traceback", is_flag=True, help="Show where in the code an error arose.")
def cli(traceback: bool) -> None:  # which `main` has taken out
    """Train autoencoders, and use what they learned."""


@cli.group(cls=Variants, invoke_without_command=True)
@click.option("--config", help="Train again what this config.yaml says.")
@click.option("--resume", help="Go on with an interrupted run folder.")
@click.option("--out", help="The run folder to write, with --config.")
@click.option("--backend", help="jax, tensorflow or torch, with --config or --resume.")
@click.pass_context
def train(
    context: click.Context,
    /,
    config: str | None,
    resume: str | None,
    out: str | None,
    backend: str | None,
    **export: Any,
) -> None:
    """Train a variant: `keras-ae train vae --data mnist --out RUN`."""
    given = {"--config": config, "--resume": resume, "--out": out, "--backend": backend}
    given["--export"] = export["export"]
    named = [name for name, value in given.items() if value is not None]
    if context.invoked_subcommand is not None:
        if named:
            raise click.UsageError(
                f"options of a variant must stand behind it, and it has no --config or --resume. "
                f"Received: {' '.join(named)} before {context.invoked_subcommand}"
            )
        return
    if (config is not None and resume is not None) or (resume is not None and out is not None):
        raise click.UsageError(
            f"`--resume` must come without --config and --out. Received: {' '.join(named)}"
        )
    if resume is not None:
        commands.resume(resume, backend, **export)
    elif config is not None:
        if out is None:
            raise click.UsageError("`--config` needs a run folder. Received: no --out")
        commands.train_again(config, out, backend, **export)
    elif named:
        raise click.UsageError(
            f"a training needs a variant, --config or --resume. Received: {' '.join(named)}"
        )
    else:
        click.echo(context.get_help())


train.params.extend(settings.export_options())
for _verb in VERBS:
    cli.add_command(_verb)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; the process's arguments when None."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # An option of the whole command, wherever it stands.
    traceback = "--traceback" in given
    given = [argument for argument in given if argument != "--traceback"]
    with warnings.catch_warnings():
        warnings.showwarning = errors.warn
        try:
            cli.main(args=given, prog_name="keras-ae", standalone_mode=False)
        except (click.exceptions.Abort, KeyboardInterrupt):
            errors.interrupted()
        except Exception as error:
            if traceback:
                raise
            errors.fail(error)
