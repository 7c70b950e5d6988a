"""Errors as one line and an exit code."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

USAGE, INTERRUPTED = 2, 130


def fail(error: BaseException) -> NoReturn:
    """Print an error as one line and exit with 2."""
    text = error.format_message() if isinstance(error, click.ClickException) else str(error)
    line = " ".join(text.split()) or type(error).__name__
    click.echo(f"keras-ae: error: {line}", err=True)
    _leave(USAGE)


def interrupted() -> NoReturn:
    """Say that the command was stopped and exit as the shell expects."""
    click.echo("keras-ae: interrupted", err=True)
    _leave(INTERRUPTED)


def _leave(code: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    raise SystemExit(code)
