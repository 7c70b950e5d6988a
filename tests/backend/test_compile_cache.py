from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from keras_ae.backend import compile_cache

PROGRAM = """
import numpy as np, keras_ae
model = keras_ae.create("autoencoder", input_shape=(6,), latent_dim=2, hidden=[8])
model.compile("adam")
model.fit(np.ones((64, 6), "float32"), epochs=1, verbose=0)
"""


def test_programs_are_kept_in_the_users_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(compile_cache.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = compile_cache.folder()
    assert found is not None
    assert found.parent == tmp_path / "keras_ae"


def test_one_variable_names_the_folder_or_turns_it_off(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(compile_cache.VARIABLE, str(tmp_path))
    found = compile_cache.folder()
    assert found is not None
    assert found.parent == tmp_path
    for off in ("off", "OFF", "0"):
        monkeypatch.setenv(compile_cache.VARIABLE, off)
        assert compile_cache.folder() is None


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="is about JAX's programs")
def test_the_users_own_folder_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import jax

    monkeypatch.setenv(compile_cache.VARIABLE, str(tmp_path / "ours"))
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "theirs"))
    try:
        compile_cache.enable.__wrapped__()
        assert jax.config.jax_compilation_cache_dir == str(tmp_path / "theirs")
    finally:
        jax.config.update("jax_compilation_cache_dir", before)


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="is about JAX's programs")
def test_a_training_leaves_its_programs_for_the_next_process(tmp_path: Path) -> None:
    environment = {**os.environ, compile_cache.VARIABLE: str(tmp_path)}
    subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True)
    kept = {file.name for file in tmp_path.rglob("jit_*-cache")}
    assert any("_block" in name for name in kept)
    subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True)
    assert {file.name for file in tmp_path.rglob("jit_*-cache")} == kept
