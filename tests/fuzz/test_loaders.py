from __future__ import annotations

import json
import shutil
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import keras
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_ae.reports.run import load_model
from keras_ae.repository import card, config
from keras_ae.serving.versions import Version

ROOT = Path(__file__).parents[2]
VERSION = ROOT / "saved_models" / "digits_vae" / "2"

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="one backend is enough: files are the same"
)
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
DAMAGE = st.tuples(
    st.sampled_from(["cut", "flip", "insert", "repeat"]),
    st.floats(0, 1, exclude_max=True),
    st.binary(min_size=1, max_size=8),
)


@cache
def content(path: Path) -> bytes:
    return path.read_bytes()


def damaged(whole: bytes, damage: tuple[str, float, bytes]) -> bytes:
    """Return content with something cut off, changed, put in or said twice at a place."""
    how, where, new = damage
    at = int(where * len(whole))
    if how == "cut":
        return whole[:at]
    if how == "flip":
        return whole[:at] + new + whole[at + len(new) :]
    return whole[:at] + (new if how == "insert" else whole[at : at + 200]) + whole[at:]


def refused(error: Exception, words: str) -> None:
    """Check that an error is the loader's own."""
    assert words in str(error)


@QUICK
@given(damage=DAMAGE)
def test_a_damaged_keras_file_is_refused_or_is_a_model(
    tmp_path: Path, damage: tuple[str, float, bytes]
) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(damaged(content(VERSION / "assets.extra" / "model.keras"), damage))
    try:
        assert load_model(path).variant == "vae"
    except ValueError as error:
        refused(error, "must be a whole model file")


REPLACEMENTS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**6),
    st.floats(),
    st.sampled_from(["", "relu", "os", "system", "builtins", "keras_ae", "Lambda", "vae", "mlp"]),
    st.just([]),
    st.just({}),
    st.just({"class_name": "Lambda", "config": {}, "module": "keras.layers"}),
    st.just({"class_name": "eval", "config": "1", "module": "builtins"}),
)


def replaced(tree: Any, steps: list[int], new: Any) -> Any:
    """Return JSON in which the entry that the steps lead to is another."""
    entries = sorted(tree) if isinstance(tree, dict) else list(range(len(tree)))
    if not entries:
        return new
    key = entries[steps[0] % len(entries)]
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    inner = copy[key]
    is_end = len(steps) == 1 or not isinstance(inner, (dict, list))
    copy[key] = new if is_end else replaced(inner, steps[1:], new)
    return copy


@settings(QUICK, max_examples=80)
@given(
    steps=st.lists(st.integers(0, 11), min_size=1, max_size=6),
    new=REPLACEMENTS,
)
def test_any_change_of_the_config_inside_of_a_keras_file_is_refused_or_makes_a_model(
    tmp_path: Path, steps: list[int], new: Any
) -> None:
    path = tmp_path / "model.keras"
    with (
        zipfile.ZipFile(VERSION / "assets.extra" / "model.keras") as whole,
        zipfile.ZipFile(path, "w") as target,
    ):
        for name in whole.namelist():
            inner = whole.read(name)
            if name == "config.json":
                inner = json.dumps(replaced(json.loads(inner), steps, new)).encode()
            target.writestr(name, inner)
    try:
        load_model(path)
    except ValueError as error:
        refused(error, "model.keras must")


@QUICK
@given(damage=DAMAGE)
def test_a_damaged_card_is_refused_or_read(
    tmp_path: Path, damage: tuple[str, float, bytes]
) -> None:
    (tmp_path / card.FILE).write_bytes(damaged(content(VERSION / card.FILE), damage))
    try:
        assert isinstance(card.read(tmp_path)["sha256"], dict)
    except ValueError as error:
        refused(error, "must be whole")


@QUICK
@given(damage=DAMAGE)
def test_a_damaged_models_config_is_refused_or_read(
    tmp_path: Path, damage: tuple[str, float, bytes]
) -> None:
    (tmp_path / config.MODELS).write_bytes(
        damaged(content(ROOT / "saved_models" / config.MODELS), damage)
    )
    try:
        config.labels_of(tmp_path)
    except ValueError as error:
        refused(error, "Keep it under another name")


@settings(QUICK, max_examples=25)
@given(
    damage=DAMAGE,
    name=st.sampled_from(
        ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]
    ),
)
def test_a_damaged_version_is_never_served(
    tmp_path: Path, damage: tuple[str, float, bytes], name: str
) -> None:
    folder = tmp_path / "2"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(VERSION, folder)
    whole = content(VERSION / name)
    (folder / name).write_bytes(damaged(whole, damage))
    if damaged(whole, damage) == whole:
        Version("digits_vae", 2, folder)
        return
    with pytest.raises(ValueError, match="must be whole and unchanged"):
        Version("digits_vae", 2, folder)
