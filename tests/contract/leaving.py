"""A model in every format that this backend writes, and through TensorFlow's C library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from keras_ae.exporting import formats, parity
from keras_ae.exporting.signatures import signatures_of
from tests.exporting.formats.models import differences
from tests.exporting.served import through_c

BACKEND = keras.backend.backend()
HERE = [name for name, kind in formats.FORMATS.items() if kind.BACKEND == BACKEND]


def check_formats(model: Any, folder: Path) -> None:
    """Fail where a copy of the model in a format gives other numbers than the model."""
    for name in HERE:
        measured = differences(formats.FORMATS[name], model, folder / name)
        assert max(measured.values()) <= parity.TOLERANCE, (name, measured)
    if "saved_model" not in HERE:  # a process writes it
        model.export(folder / "saved_model")
    measured = in_c(model, folder / "saved_model", folder)
    assert max(measured.values()) <= parity.TOLERANCE, measured


def in_c(model: Any, folder: Path, scratch: Path) -> dict[str, float]:
    """Return how far each signature is through TensorFlow's C library without XLA."""
    signatures = signatures_of(model)
    made = parity.probe(model, signatures, seed=4)
    runs = [
        (s.name, {key: rows[:size] for key, rows in parity.inputs_of(s, made).items()})
        for s in signatures
        for size in parity.BATCHES
    ]
    answers = iter(through_c(folder, runs, scratch))
    names = {s.name: s.output.name for s in signatures}
    return parity.measure(lambda name, _: next(answers)[names[name]], signatures, made)
