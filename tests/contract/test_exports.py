"""Every variant leaves in every format: from here, and on JAX through the process that writes."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.exporting import formats, parity
from tests.contract.cases import CASES, Case
from tests.exporting.formats.models import differences

BACKEND = keras.backend.backend()
HERE = [name for name, kind in formats.FORMATS.items() if kind.BACKEND == BACKEND]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_variant_leaves_in_every_format(case: Case, tmp_path: Path) -> None:
    model = keras_ae.create(case.name, input_shape=case.event_shape, **case.options)
    model.compile("adam")
    model.fit(case.data(), epochs=1, verbose=0)
    if not HERE:
        assert max(model.export(tmp_path / "1").parity.values()) <= parity.TOLERANCE
        return
    for name in HERE:
        measured = differences(formats.FORMATS[name], model, tmp_path / name)
        assert max(measured.values()) <= parity.TOLERANCE, (name, measured)
        assert all(np.isfinite(list(measured.values())))
