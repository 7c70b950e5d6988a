"""Exports every variant from every backend in every format, and writes the table of the docs.

Run `python tools/export_table.py`: it trains each model for a few steps, exports it in a process of
each backend, and puts the measured differences, or the reason why there is none, into
docs/exporting.md. It takes an hour or two; `--keep FILE` writes down what was measured, and goes on
from there.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs" / "exporting.md"
BACKENDS = ("jax", "tensorflow", "torch")
START, END = "<!-- measured by tools/export_table.py -->", "<!-- end -->"

GRU = {"name": "recurrent", "cell": "gru"}
CONVOLUTIONAL: dict[str, Any] = {"encoder": "conv", "hidden": [8], "latent_dim": 3}
MORE: list[tuple[str, str, tuple[int, ...], dict[str, Any]]] = [
    ("vae, convolutional", "vae", (8, 8, 1), {**CONVOLUTIONAL, "likelihood": "bernoulli"}),
    ("vae, residual", "vae", (8, 8, 1), {**CONVOLUTIONAL, "encoder": "resnet"}),
    ("vae, missing entries", "vae", (6,), {"latent_dim": 3, "missing": "mask"}),
    ("perceptual_vae, convolutional", "perceptual_vae", (8, 8, 1), CONVOLUTIONAL),
    ("vq_vae, convolutional", "vq_vae", (8, 8, 1), {**CONVOLUTIONAL, "num_codes": 8}),
    ("recurrent, GRU", "recurrent_autoencoder", (6, 2), {"encoder": GRU}),
]
"""Label, variant, shape and options of models beside the smallest of each variant."""


def models() -> list[tuple[str, str, tuple[int, ...], dict[str, Any], Any]]:
    """Return label, variant, shape, options and rows to train on of what is exported."""
    from tests.contract.every import EVERY

    rng = np.random.default_rng(0)
    smallest = [(c.name, c.name, c.event_shape, c.options, c.rows()) for c in EVERY]
    more = [(*row, rng.random((64, *row[2]), dtype="float32")) for row in MORE]
    return [*smallest, *more]


def measure(leave_out: set[str]) -> None:
    """Export models from this process's backend; print a line of JSON for each and format."""
    import keras

    import keras_ae
    from keras_ae.exporting import FORMATS

    for label, variant, shape, options, rows in models():
        if label in leave_out:
            continue
        keras.utils.set_random_seed(0)
        model = keras_ae.create(variant, input_shape=shape, **options)
        model.compile("adam")
        model.fit(rows, epochs=2, batch_size=8, verbose=0)
        for name in FORMATS:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    report = keras_ae.export(model, Path(folder) / "copy", name)
                    found: dict[str, Any] = {"worst": max(report.parity.values())}
                except (ValueError, OSError) as error:
                    found = {"reason": str(error)}
            line = {"model": label, "format": name, "backend": keras.backend.backend(), **found}
            print("MEASURED", json.dumps(line), flush=True)


def measured_on(backend: str, keep: Path | None) -> list[dict[str, Any]]:
    """Return what a process of a backend measures, beside what the file has of it."""
    kept = keep.read_text().splitlines() if keep is not None and keep.is_file() else []
    read = [line for line in map(json.loads, kept) if line["backend"] == backend]
    lines = list({(line["model"], line["format"]): line for line in read}.values())
    found = collections.Counter(line["model"] for line in lines)
    whole = {label for label, count in found.items() if count == max(found.values())}
    lines = [line for line in lines if line["model"] in whole]
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(
        [sys.executable, __file__, "--measure", *sorted(whole)],
        env={**environment, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        text=True,
    )
    for text in child.stdout or []:
        if text.startswith("MEASURED "):
            print(text, end="", flush=True)
            lines.append(json.loads(text.removeprefix("MEASURED ")))
            if keep is not None:
                with keep.open("a") as file:
                    file.write(text.removeprefix("MEASURED "))
    if child.wait():
        raise SystemExit(f"{backend} ended with {child.returncode}")
    return lines


def table(lines: list[dict[str, Any]]) -> str:
    """Return the table: a row a model, a column a format, in each JAX / TensorFlow / torch."""
    formats = list(dict.fromkeys(line["format"] for line in lines))
    rows = [f"| model | {' | '.join(formats)} |", "|---" * (len(formats) + 1) + "|"]
    reasons: list[str] = []
    order = {label: i for i, (label, *_) in enumerate(models())}
    for model in sorted({line["model"] for line in lines}, key=order.__getitem__):
        cells = []
        for name in formats:
            found = {x["backend"]: x for x in lines if (x["model"], x["format"]) == (model, name)}
            cells.append(" / ".join(_cell(found[backend], reasons) for backend in BACKENDS))
        rows.append(f"| {model} | {' | '.join(cells)} |")
    notes = [f"{i}. {reason}" for i, reason in enumerate(reasons, 1)]
    return "\n".join([*rows, *([""] if notes else []), *notes])


def _cell(line: dict[str, Any], reasons: list[str]) -> str:
    if "worst" in line:
        return f"{line['worst']:.0e}"
    if line["reason"] not in reasons:
        reasons.append(line["reason"])
    return f"no ({reasons.index(line['reason']) + 1})"


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="a file of what was measured so far")
    parser.add_argument(
        "--measure", nargs="*", metavar="MODEL", help="in this process, all but these"
    )
    options = parser.parse_args()
    if options.measure is not None:
        measure(set(options.measure))
        return 0
    made = table([line for backend in BACKENDS for line in measured_on(backend, options.keep)])
    text = DOCS.read_text()
    new = re.sub(f"{START}.*?{END}", lambda _: f"{START}\n\n{made}\n\n{END}", text, flags=re.DOTALL)
    DOCS.write_text(new)
    return 1 if "no (" in made else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    raise SystemExit(main())
