from __future__ import annotations

from pathlib import Path

import pytest

from keras_ae.exporting import parity
from keras_ae.exporting.formats import openvino
from tests.exporting.formats.models import MODELS, differences, of_backend

pytestmark = pytest.mark.skipif(
    not of_backend("tensorflow"), reason="tensorflow writes this format"
)


@pytest.mark.parametrize("name", list(MODELS))
def test_every_signature_equals_the_model_at_three_batch_sizes(name: str, tmp_path: Path) -> None:
    measured = differences(openvino, MODELS[name](), tmp_path / "copy")
    assert max(measured.values()) <= parity.TOLERANCE, measured


def test_nobody_is_told_of_the_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    differences(openvino, MODELS["vae"](), tmp_path / "copy")
    assert sys.modules["openvino_telemetry"] is None
    assert not (tmp_path / "home").exists()
