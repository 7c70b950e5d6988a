"""Every variant leaves in every format that this backend writes, and for the C library."""

from __future__ import annotations

from pathlib import Path

import pytest

import keras_ae
from tests.contract.cases import Case
from tests.contract.every import EVERY
from tests.contract.leaving import check_formats

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.name)
def test_a_variant_leaves_in_every_format(case: Case, tmp_path: Path) -> None:
    model = keras_ae.create(case.name, input_shape=case.event_shape, **case.options)
    model.compile("adam")
    model.fit(case.rows(), epochs=1, verbose=0)
    check_formats(model, tmp_path)
