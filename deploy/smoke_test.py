"""Asks a running server for everything a model offers, and compares it with the SavedModel here.

    python deploy/smoke_test.py http://localhost:8501 saved_models/digits_vae/2 --protocol tfs
    python deploy/smoke_test.py grpc://localhost:8500 saved_models/digits_vae/2 --protocol tfs
    python deploy/smoke_test.py http://localhost:8080 saved_models/digits_vae/2 --protocol v2

The folder is the version that the server serves; it needs TensorFlow and `keras-ae[client]`, not
Keras's backend or the model's code. Exit code 1 says that an answer differs or did not come.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from keras_ae.serving import Client, ServingError
from keras_ae.serving.versions import Function, Version

ROWS = (1, 3, 32)
TOLERANCE = 1e-5


def inputs_of(function: Function, rows: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return rows for a function: data in [0, 1], the first codes, a seed and a count."""
    made = {}
    for name, tensor in function.inputs.items():
        shape = [rows if size == -1 else size for size in tensor.shape]
        if tensor.dtype == "float32":
            made[name] = rng.random(shape, dtype="float32")
        else:
            made[name] = np.full(shape, 1, tensor.dtype)
    return made


def difference(found: Any, expected: np.ndarray) -> float:
    """Return the largest |found - expected| / max(1, |expected|)."""
    found = np.asarray(found).reshape(expected.shape)
    return float(np.max(np.abs(found - expected) / np.maximum(1.0, np.abs(expected)), initial=0.0))


def check(client: Client, version: Version) -> list[str]:
    """Ask for each signature; return what is wrong."""
    rng, wrong = np.random.default_rng(0), []
    for name, function in sorted(version.functions.items()):
        for rows in ROWS:
            inputs = inputs_of(function, rows, rng)
            expected = version.run(function, inputs)
            try:
                found = client.predict(name, **inputs)
            except ServingError as error:
                wrong.append(f"{name}, {rows} rows: {error}")
                continue
            for output, array in expected.items():
                far = difference(found.get(output, found.get("")), array)
                print(f"{name}, {rows} rows: {output} differs by {far:.2g}")
                if not far <= TOLERANCE:
                    wrong.append(f"{name}, {rows} rows: {output} differs by {far:.2g}")
    try:
        client.predict("score", x=np.zeros((2, 1)))
        wrong.append("rows of another shape were answered")
    except ServingError as error:
        print(f"rows of another shape are refused: {error!s:.120}")
    return wrong


def main() -> int:
    """Ask and compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url", help="http://host:port or grpc://host:port")
    parser.add_argument("folder", type=Path, help="the version, NAME/NUMBER")
    parser.add_argument("--protocol", choices=["tfs", "v2"], default="tfs")
    options = parser.parse_args()
    folder = options.folder.resolve()
    name, number = folder.parent.name, int(folder.name)
    version = Version(name, number, folder)
    with Client(options.url, name, protocol=options.protocol, version=number) as client:
        if not client.is_ready():
            print(f"{options.url} does not offer {name}, version {number}", file=sys.stderr)
            return 1
        wrong = check(client, version)
    for line in wrong:
        print(f"wrong: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
