from __future__ import annotations

from pathlib import Path

import pytest

from keras_ae.exporting import parity
from keras_ae.exporting.formats import torch
from tests.exporting.formats.models import MODELS, differences, of_backend

pytestmark = pytest.mark.skipif(not of_backend("torch"), reason="torch writes this format")


@pytest.mark.parametrize("name", list(MODELS))
def test_every_signature_equals_the_model_at_three_batch_sizes(name: str, tmp_path: Path) -> None:
    measured = differences(torch, MODELS[name](), tmp_path / "copy")
    assert max(measured.values()) <= parity.TOLERANCE, measured


def test_a_program_names_its_inputs_and_needs_no_keras(tmp_path: Path) -> None:
    import subprocess
    import sys

    differences(torch, MODELS["conditional"](), tmp_path / "copy")
    code = (
        "import sys, torch\n"
        f"program = torch.export.load({str(tmp_path / 'copy' / 'decode.pt2')!r}).module()\n"
        "out = program(condition=torch.ones(9, 3), latent=torch.ones(9, 2))\n"
        "print(*out, *out['reconstruction'].shape, 'keras' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["reconstruction", "9", "4", "False"], done.stderr
