"""What a SavedModel gives through TensorFlow's C library, in a process without Keras."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

PROBE = Path(__file__).parent / "c_api.py"


class Refused(Exception):
    """The library's own message."""


def through_c(
    version: Path, runs: Iterable[tuple[str, dict[str, np.ndarray]]], scratch: Path
) -> list[dict[str, np.ndarray]]:
    """Return the outputs of (signature, inputs) runs, by their names.

    Raises:
        Refused: The SavedModel could not be loaded or run.
    """
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2

    bundle = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    known = bundle.meta_graphs[0].signature_def
    job: dict[str, Any] = {"folder": str(version), "tensorflow": str(Path(tf.__file__).parent)}
    job["runs"], places = [], []
    for i, (name, inputs) in enumerate(runs):
        for key, array in inputs.items():
            np.save(scratch / f"{i}-in-{key}.npy", array)
        found = {key: str(scratch / f"{i}-out-{key}.npy") for key in known[name].outputs}
        fed = {known[name].inputs[key].name: str(scratch / f"{i}-in-{key}.npy") for key in inputs}
        fetched = {known[name].outputs[key].name: path for key, path in found.items()}
        job["runs"].append({"feeds": fed, "fetches": fetched})
        places.append(found)
    (scratch / "job.json").write_text(json.dumps(job))
    done = subprocess.run(
        [sys.executable, str(PROBE), str(scratch / "job.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Refused(done.stderr)
    if done.stdout.strip() != "[]":  # tensorflow or keras was imported
        raise Refused(done.stdout)
    return [{key: np.load(path) for key, path in found.items()} for found in places]
