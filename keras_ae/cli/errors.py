"""Errors and warnings as one line each, and an exit code."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import click

USAGE, INTERRUPTED = 2, 130
EXPECTED = (click.ClickException, ValueError, TypeError, OSError, ImportError)
"""What says by itself what must hold; anything else is named with its type."""


def fail(error: Exception) -> NoReturn:
    """Print an error as one line and exit with 2."""
    text = error.format_message() if isinstance(error, click.ClickException) else str(error)
    if not isinstance(error, EXPECTED):
        reason = text.strip().partition("\n")[0]
        text = f"{type(error).__name__}: {reason} (--traceback shows where)"
    elif isinstance(error, OSError) and error.filename is not None:
        text = f"a file must be within reach. Received: {error.filename} ({error.strerror})"
    click.echo(f"keras-ae: error: {_line(text) or type(error).__name__}", err=True)
    _leave(USAGE)


def warn(message: Warning | str, *where: Any, **more: Any) -> None:
    """Print a warning as one line; what `warnings.showwarning` is for."""
    click.echo(f"keras-ae: warning: {_line(str(message))}", err=True)


def interrupted() -> NoReturn:
    """Say that the command was stopped and exit as the shell expects."""
    click.echo("keras-ae: interrupted", err=True)
    _leave(INTERRUPTED)


def _line(text: str) -> str:
    return " ".join(text.split())


def _leave(code: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    raise SystemExit(code)
