from __future__ import annotations

from pathlib import Path

import pytest

from keras_ae.exporting import parity
from keras_ae.exporting.formats import litert
from tests.exporting.formats.models import MODELS, differences, of_backend

pytestmark = pytest.mark.skipif(
    not of_backend("tensorflow"), reason="tensorflow writes this format"
)


@pytest.mark.parametrize("name", list(MODELS))
def test_every_signature_equals_the_model_at_three_batch_sizes(name: str, tmp_path: Path) -> None:
    measured = differences(litert, MODELS[name](), tmp_path / "copy")
    assert max(measured.values()) <= parity.TOLERANCE, measured


def test_one_file_holds_all_signatures_by_name(tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    differences(litert, MODELS["images"](), tmp_path / "copy")
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["model.tflite"]
    found = Interpreter(str(tmp_path / "copy" / "model.tflite")).get_signature_list()
    assert found["encode_indices"] == {"inputs": ["x"], "outputs": ["indices"]}
    assert len(found) == 6
