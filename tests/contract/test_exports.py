"""Every variant leaves in every format that this backend writes, and for the C library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

import keras_ae
from keras_ae.exporting import formats, parity
from keras_ae.exporting.signatures import signatures_of
from tests.contract.cases import CASES, Case
from tests.exporting.formats.models import differences
from tests.exporting.served import through_c

BACKEND = keras.backend.backend()
HERE = [name for name, kind in formats.FORMATS.items() if kind.BACKEND == BACKEND]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_variant_leaves_in_every_format(case: Case, tmp_path: Path) -> None:
    model = keras_ae.create(case.name, input_shape=case.event_shape, **case.options)
    model.compile("adam")
    model.fit(case.data(), epochs=1, verbose=0)
    for name in HERE:
        measured = differences(formats.FORMATS[name], model, tmp_path / name)
        assert max(measured.values()) <= parity.TOLERANCE, (name, measured)
    if "saved_model" not in HERE:  # a process writes it
        model.export(tmp_path / "saved_model")
    measured = in_c(model, tmp_path / "saved_model", tmp_path)
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
