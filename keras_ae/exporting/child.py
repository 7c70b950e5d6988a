"""Runs the processes that write copies of a model, each with the backend that it needs."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from keras_ae.exporting import own_layers, parity, tables, worker
from keras_ae.exporting.formats import FORMATS

FULL = ("No space left", "Disk quota exceeded", "File too large")
"""How systems say that a disk, or what one may have of it, is full."""
LONG = 600
"""Characters of an error's message, of which Keras tells the reason last."""


@dataclass(frozen=True)
class Copy:
    """One format of an export.

    Args:
        parity: Each signature's largest |copy - model| / max(1, |model|).
        seconds: What writing, loading and comparing took.
    """

    parity: dict[str, float]
    seconds: float


def write_copies(
    model: Any,
    staging: Path,
    formats: Sequence[str],
    names: Sequence[str],
    modules: Sequence[str],
    progress: Callable[[str], None],
) -> dict[str, Copy]:
    """Write a model in some formats under `staging`, and compare each copy with it.

    Models with layers of the user's own are written in this process where its backend can, since
    another may not know them; all others in processes of their own.

    Args:
        model: The model, saved in `staging` together with its probe.
        staging: The folder.
        formats: Names of formats.
        names: Names of signatures.
        modules: Modules and files that define the model's own layers.
        progress: Is told in a line what was done.

    Raises:
        OSError: The disk is full.
        ValueError: A copy could not be written or read, or differs from the model.
    """
    copies: dict[str, Copy] = {}
    note = _noting(copies, progress)
    for backend in dict.fromkeys(FORMATS[name].BACKEND for name in formats):
        some = [name for name in formats if backend == FORMATS[name].BACKEND]
        own = own_layers.own_classes(model)
        if own and not modules and backend == keras.backend.backend():
            _write_here(model, staging, some, names, note)
        else:
            for event in _events(staging, backend, some, names, modules, own):
                note(event)
    return copies


def write_table(staging: Path, progress: Callable[[str], None]) -> dict[str, Copy]:
    """Write an estimator of tables that `tables.prepare` left in `staging`; see `write_copies`."""
    copies: dict[str, Copy] = {}
    note = _noting(copies, progress)
    for event in _events(staging, tables.BACKEND, [], [], [], []):
        note(event)
    return copies


def _noting(
    copies: dict[str, Copy], progress: Callable[[str], None]
) -> Callable[[Mapping[str, Any]], None]:
    """Return what checks a format that was written, keeps its figures and tells of it."""

    def note(event: Mapping[str, Any]) -> None:
        if name := event.get("format"):
            parity.check(name, event["parity"])
            copies[name] = Copy(event["parity"], event["seconds"])
            worst = max(event["parity"].values())
            progress(
                f"{name}: written and compared in {event['seconds']:.1f} s, largest "
                f"difference {worst:.2g} of max(1, |value|)"
            )

    return note


def _write_here(
    model: Any, staging: Path, formats: Sequence[str], names: Sequence[str], note: Any
) -> None:
    begun = ["a copy"]

    def tell(event: Mapping[str, Any]) -> None:
        begun.append(event.get("starts", begun[-1]))
        note(event)

    try:
        worker.carry_out(model, staging, formats, names, tell)
    except parity.Differs:
        raise
    except Exception as error:
        event = {"error": type(error).__name__, "message": " ".join(str(error).split())}
        raise _failure(begun[-1], event, own=[]) from error


def _events(
    staging: Path,
    backend: str,
    formats: Sequence[str],
    names: Sequence[str],
    modules: Sequence[str],
    own: Sequence[str],
) -> Iterator[dict[str, Any]]:
    """Yield what the process tells, until it ends."""
    job = {"formats": list(formats), "signatures": list(names), "modules": _paths(modules)}
    (staging / "job.json").write_text(json.dumps(job))
    reading, writing = os.pipe()
    # -P: what lies in the working folder is not imported, unless this process would.
    command = [sys.executable, "-P", "-m", "keras_ae.exporting.worker", str(staging), str(writing)]
    begun = "a copy"
    with os.fdopen(reading) as events, tempfile.TemporaryFile("w+") as complaints:
        child = subprocess.Popen(
            command,
            env=_environment(backend),
            pass_fds=[writing],
            stdin=subprocess.DEVNULL,
            stdout=complaints,
            stderr=complaints,
        )
        os.close(writing)
        try:
            for line in events:
                event = json.loads(line)
                begun = event.get("starts", begun)
                if "error" in event:
                    raise _failure(begun, event, own)
                yield event
            if child.wait() != 0:
                complaints.seek(0)
                lines = [line.strip() for line in complaints if line.strip()] or ["no word"]
                event = {"error": f"exit code {child.returncode}", "message": lines[-1]}
                raise _failure(begun, event, own)
        finally:
            child.kill()
            child.wait()


def _environment(backend: str) -> dict[str, str]:
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    # A GPU that this process holds must not be claimed by the child.
    environment["CUDA_VISIBLE_DEVICES"] = "-1"
    environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
    return environment


def _paths(modules: Sequence[str]) -> list[str]:
    return [str(Path(m).absolute()) if m.endswith(".py") else m for m in modules]


def _failure(begun: str, event: Mapping[str, Any], own: Sequence[str]) -> Exception:
    message = (
        event["message"] if len(event["message"]) <= LONG else f"... {event['message'][-LONG:]}"
    )
    if any(words in message for words in FULL):
        full = OSError(
            f"an export needs room on the disk. Received: {message:.300}. Nothing was written."
        )
        full.errno = errno.ENOSPC
        return full
    hint = ""
    if own and begun == "a copy":
        hint = (
            f" The model has classes of its own ({', '.join(own)}): name the file or module that "
            "defines and registers them, `modules=` or --import."
        )
    return ValueError(
        f"{begun} could not be made. Received: {event['error']}: {message}. "
        f"Nothing was written.{hint}"
    )
