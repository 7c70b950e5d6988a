"""TensorFlow SavedModels, from a model of any backend.

The model is saved as `.keras`; a process with the TensorFlow backend loads it and writes the
SavedModel. torch cannot write one itself, and what JAX writes is compiled anew by the server for
every new batch size.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_ae.exporting import parity


def export(model: Any, path: Path, modules: Sequence[str] = ()) -> parity.ExportReport:
    """Write `path` as a SavedModel; see `keras_ae.exporting.export`."""
    check_installed()
    if path.exists():
        raise ValueError(
            f"an export must go to a new folder. Received: {path}, which exists. "
            "A version is never overwritten; take the next number."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    # On the target's own disk, under a name that no server takes for a version.
    staging = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        differences = _write_in_child(model, staging, modules)
        parity.check(differences)
        os.rename(staging / "saved_model", path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        with contextlib.suppress(OSError):  # a folder that holds nothing after all
            path.parent.rmdir()
    return parity.ExportReport(path, differences, tuple(parity.SIGNATURES))


def check_installed() -> None:
    """Refuse to go on without TensorFlow.

    Raises:
        ImportError: As said.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise ImportError(
            "exporting a SavedModel needs TensorFlow, whatever the backend. Received: none is "
            "installed. Run: pip install 'keras-ae[tensorflow-cpu]'"
        )


def _write_in_child(model: Any, staging: Path, modules: Sequence[str]) -> dict[str, float]:
    model.save(staging / "model.keras")
    arrays: dict[str, Any] = parity.probe(model)
    np.savez(staging / "probe.npz", **arrays)
    command = [sys.executable, "-m", "keras_ae.exporting.worker", str(staging), *modules]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    # A GPU that the parent holds must not be claimed by the child.
    environment["CUDA_VISIBLE_DEVICES"] = "-1"
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    child = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if child.returncode != 0:
        lines = [line for line in child.stderr.splitlines() if line.strip()] or ["no message"]
        raise ValueError(
            f"the SavedModel could not be written. Received from TensorFlow: {lines[-1]}"
        )
    return json.loads((staging / "parity.json").read_text())
