"""What the README shows runs as it stands."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import numpy as np
import pytest

from tests.serving.conftest import start

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()


@pytest.mark.slow
def test_the_code_in_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", TEXT, re.S | re.M)
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
