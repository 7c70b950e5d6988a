"""What writes the copies of a model, in a process with the backend that its formats need.

`python -m keras_ae.exporting.worker STAGING PIPE`, run by `child.py`: the job is in
`STAGING/job.json`, and each line written to the pipe tells what was done.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_ae.exporting import parity, tables, warmup
from keras_ae.exporting.formats import FORMATS
from keras_ae.exporting.signatures import signatures_of

MODEL = "model.keras"
"""The model as it is."""
SERVED = "served.keras"
"""The model as it is exported, where that is another: in float32."""
PROBE, VERSION = "probe.npz", "version"

Tell = Callable[[Mapping[str, Any]], None]


def carry_out(
    model: Any, staging: Path, formats: Sequence[str], names: Sequence[str], tell: Tell
) -> None:
    """Write a model of this process's backend in some formats, and measure each copy.

    Args:
        model: The model to write.
        staging: Folder with the probe, in which the version is made.
        formats: Names of formats.
        names: Names of signatures.
        tell: Is told of each format what was measured.
    """
    signatures = signatures_of(model, names)
    with np.load(staging / PROBE) as probe:
        made = dict(probe)
    for name in formats:
        started = time.perf_counter()
        tell({"starts": name})
        kind = FORMATS[name]
        folder = staging / VERSION / kind.SUB_FOLDER
        kind.write(model, signatures, folder)
        runner = kind.load(folder, signatures)
        measured = parity.measure(runner, signatures, made)
        if name == "saved_model":
            extra = folder / "assets.extra"
            extra.mkdir()
            shutil.copy(staging / MODEL, extra / MODEL)
            warmup.write(extra / warmup.FILE, signatures, made, runner)
        seconds = round(time.perf_counter() - started, 2)
        tell({"format": name, "parity": measured, "seconds": seconds})


def import_module(name: str) -> None:
    """Import a module by its name, or a Python file by its path.

    Raises:
        ImportError: There is none.
    """
    if not name.endswith(".py"):
        importlib.import_module(name)
        return
    path = Path(name).absolute()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"a module to import must be there. Received: {name}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)


def main(staging: Path, pipe: int) -> None:
    """Do the job of a staging folder; an error is told before it ends the process."""
    with os.fdopen(pipe, "w", buffering=1) as stream:

        def tell(event: Mapping[str, Any]) -> None:
            stream.write(json.dumps(event) + "\n")

        try:
            job = json.loads((staging / "job.json").read_text())
            import keras

            if (staging / tables.ESTIMATOR).exists():
                tables.carry_out(staging, staging / VERSION, tell)
                return
            for name in job["modules"]:
                import_module(name)
            served = staging / SERVED
            source = served if served.exists() else staging / MODEL
            model = keras.saving.load_model(source, compile=False)
            carry_out(model, staging, job["formats"], job["signatures"], tell)
        except Exception as error:
            message = " ".join(str(error).split()) or "no message"
            tell({"error": type(error).__name__, "message": message})
            raise


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
