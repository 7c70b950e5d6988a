"""What the README shows runs as it stands."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.serving.conftest import start

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()


def blocks_of(text: str) -> list[str]:
    """Return the Python of a page."""
    return re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)


@pytest.mark.slow
def test_the_code_about_discrete_codes_runs() -> None:
    names: dict[str, Any] = {}
    blocks = blocks_of((ROOT / "docs" / "discrete_codes.md").read_text())
    assert len(blocks) >= 5
    for block in blocks:
        exec(compile(block, "discrete_codes.md", "exec"), names)
    assert names["numbers"].shape == (2, 16, 12)
    assert names["again"].shape == (2, 64, 48, 1)
    assert names["new"].shape == (8, 16, 16, 1)
    assert (names["nats"] < 0).all()


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:an example of shape"
)  # of pictures larger than those trained on
def test_the_code_about_compression_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks_of((ROOT / "docs" / "compression.md").read_text()):
        exec(compile(block, "compression.md", "exec"), names)
    assert names["again"].shape == (50, 70, 3)
    assert names["codes"].shape == (1, 8, 12, 16)  # of 64 x 96
    saved = names["keras"].models.load_model("pictures.keras")
    np.testing.assert_array_equal(names["Codec"](saved).codes(names["stream"]), names["codes"])


@pytest.mark.slow
def test_the_code_in_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = blocks_of(TEXT)
    assert len(blocks) >= 3
    with contextlib.ExitStack() as stack:
        for block in blocks:
            if "localhost:8080" in block:
                running = start(tmp_path / "saved_models", tmp_path)
                stack.callback(running.stop)
                block = block.replace("http://localhost:8080", running.http)
            exec(compile(block, "README.md", "exec"), names)
    scores = names["model"].score(names["data"].x_test[:3])  # type: ignore[attr-defined]
    np.testing.assert_allclose(names["scores"], scores, rtol=1e-5)  # type: ignore[arg-type]
    assert (tmp_path / "saved_models" / "my_vae" / "1" / "saved_model.pb").is_file()


def test_the_readme_begins_with_the_two_commands_and_the_pictures() -> None:
    places = [TEXT.index(mark) for mark in ("make demo", "make test", "![", "## Install")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        "docs/cli.md",
        "docs/compression.md",
        "docs/discrete_codes.md",
        "docs/exporting.md",
        "docs/serving.md",
        "saved_models/README.md",
    ],
)
def test_every_link_leads_somewhere(page: str) -> None:
    links = re.findall(r"\[[^\]\"]*\]\((?!https?://)([^)#]+)", (ROOT / page).read_text())
    assert not [link for link in links if not ((ROOT / page).parent / link).exists()]


def test_no_page_names_a_variant_that_does_not_exist() -> None:
    import keras_ae

    table = TEXT.partition("## Variants")[2].partition("\n[docs")[0]
    named = set(re.findall(r"`(\w+)`", table))
    assert named == set(keras_ae.list_variants())
