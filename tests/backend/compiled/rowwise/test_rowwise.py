from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.backend.compiled import rowwise
from keras_ae.backend.compiled.rowwise import Rowwise
from keras_ae.views import View

BACKEND = keras.backend.backend()
X = np.random.default_rng(0).random((75, 6)).astype("float32")
OPTIONS: dict[str, dict[str, Any]] = {
    "autoencoder": {"hidden": [8]},
    "vae": {"hidden": [8], "normalize": "standard"},
    "vq_vae": {"num_codes": 5, "tokens": 2},
    "denoising_autoencoder": {"hidden": [8], "corruption": "swap_noise"},
}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch trace from the second batch on."""
    if BACKEND == "torch":
        from keras_ae.backend.compiled.rowwise import on_torch

        monkeypatch.setattr(on_torch, "WORTH_TRACING", 2)


def make(name: str = "autoencoder", **options: Any) -> Any:
    keras.utils.set_random_seed(5)
    options = {**OPTIONS.get(name, {}), **options}
    model = keras_ae.create(name, input_shape=(6,), latent_dim=2, **options)
    model.adapt(X)
    return model


def direct(model: Any, function: str, x: Any) -> np.ndarray:
    return ops.convert_to_numpy(getattr(model, function)(x))


def count_calls(model: Any, function: str) -> list[Any]:
    """Return a list that grows with each run of the function's Python code."""
    calls: list[Any] = []
    given = getattr(model, function)

    def counted(x: Any) -> Any:
        calls.append(x)
        return given(x)

    model.__dict__[function] = counted
    return calls


@pytest.mark.parametrize("batch_size", [None, 1, 8, 32, 100])
@pytest.mark.parametrize("function", ["encode_tensor", "reconstruct_tensor", "score_tensor"])
@pytest.mark.parametrize("name", ["autoencoder", "vae", "vq_vae"])
def test_batches_give_what_the_function_gives_for_all_rows(
    name: str, function: str, batch_size: int | None
) -> None:
    model = make(name)
    found = Rowwise(model, function)(X, batch_size)
    np.testing.assert_allclose(found, direct(model, function, X), rtol=1e-5, atol=1e-5)


def test_a_small_network_computes_what_its_formula_says() -> None:
    model = make()
    first, code = kernels(model)
    wanted = np.maximum(X @ first, 0.0) @ code
    np.testing.assert_allclose(model.encode(X, 8), wanted, rtol=1e-5, atol=1e-6)


def kernels(model: Any) -> list[np.ndarray]:
    """Return the two kernels between the input and the code; the biases start at zero."""
    pairs = [(6, 8), (8, 2)]
    return [
        ops.convert_to_numpy(next(w for w in model.trainable_weights if w.shape == pair))
        for pair in pairs
    ]


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 63, 64, 65])
def test_the_result_is_one_array_of_as_many_rows(rows: int) -> None:
    model = make()
    for function, shape in {"score_tensor": (), "decode_tensor": (6,)}.items():
        given = X if function == "score_tensor" else X[:, :2]
        found = Rowwise(model, function)(given[:rows], 8)
        assert found.shape == (rows, *shape)
        assert found.dtype == "float32"
        assert found.flags.c_contiguous
        assert found.flags.writeable


def test_several_results_are_written_each_into_its_array() -> None:
    model = make()
    model.__dict__["both"] = lambda x: {"twice": 2 * x, "sum": ops.sum(x, axis=1)}
    found = Rowwise(model, "both")(X, 8)
    np.testing.assert_allclose(found["twice"], 2 * X, rtol=1e-6)
    np.testing.assert_allclose(found["sum"], X.sum(1), rtol=1e-6)


@pytest.mark.skipif(BACKEND == "torch", reason="traces where it is worth its time, below")
def test_other_numbers_of_rows_compile_a_few_sizes_only() -> None:
    model = make()
    calls = count_calls(model, "score_tensor")
    for rows in range(1, 76):
        model.score(X[:rows], 16)
    # Powers of two up to 16, and the loop, which on JAX looks at the function for its shape too.
    assert len(calls) <= (7 if BACKEND == "jax" else 2)
    before = len(calls)
    for rows in range(1, 76):
        model.score(X[:rows] + 1, 16)
    assert len(calls) == before


@pytest.mark.skipif(BACKEND != "torch", reason="is torch's way")
def test_torch_traces_once_a_size_that_comes_often() -> None:
    model = make()
    calls = count_calls(model, "score_tensor")
    model.score(X, 8)  # once as it is, once traced, once to compare, and the last three rows
    assert len(calls) == 4
    model.score(X[:72], 8)
    assert len(calls) == 4


@pytest.mark.skipif(BACKEND != "torch", reason="is torch's way")
def test_a_trace_that_computes_something_else_is_not_replayed() -> None:
    model = make()
    given, count = model.score_tensor, iter(range(1000))
    model.__dict__["score_tensor"] = lambda x: given(x) + next(count)
    found = model.score(X, 8)
    assert len(np.unique(np.round(found - direct(make(), "score_tensor", X)))) == 10


@pytest.mark.parametrize("batch_size", [None, 8])
def test_changed_weights_are_seen(batch_size: int | None) -> None:
    model = make("vae")
    before = model.encode(X, batch_size)
    for weight in model.trainable_weights:
        weight.assign(weight * 2 + 1)
    model.adapt(3 * X)
    after = model.encode(X, batch_size)
    assert abs(after - before).max() > 0.1
    np.testing.assert_allclose(after, direct(model, "encode_tensor", X), rtol=1e-5, atol=1e-5)


def test_other_layers_are_seen() -> None:
    model, other = make(), make(hidden=[5])
    model.encode(X, 8)
    model.encoder, model.bottleneck = other.encoder, other.bottleneck
    np.testing.assert_allclose(model.encode(X, 8), other.encode(X, 8), rtol=1e-5, atol=1e-6)


def test_a_loaded_model_and_loaded_weights_score_as_the_saved_ones(tmp_path: Path) -> None:
    model = make("vae")
    scores = model.score(X, 8)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.score(X, 8), scores, rtol=1e-6)
    for weight in model.trainable_weights:
        weight.assign(weight + 1)
    assert abs(model.score(X, 8) - scores).max() > 0.1
    model.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(model.score(X, 8), scores, rtol=1e-6)


def test_a_model_that_has_scored_is_copied_and_pickled() -> None:
    model = make()
    scores = model.score(X, 8)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        twin.trainable_weights[0].assign_add(twin.trainable_weights[0] + 1)
        assert abs(twin.score(X, 8) - scores).max() > 0.1
    np.testing.assert_array_equal(model.score(X, 8), scores)


@pytest.mark.parametrize("batch_size", [None, 8, 20])
def test_a_row_alone_has_the_result_that_it_has_among_others(batch_size: int | None) -> None:
    model = make("vae")
    together = model.score(X, batch_size)
    for row in (0, 31, 74):
        alone = model.score(X[row : row + 1], batch_size)
        np.testing.assert_allclose(alone, together[row : row + 1], rtol=1e-5)


@pytest.mark.parametrize("batch_size", [None, 8, 75, 100])
@pytest.mark.parametrize(
    ("name", "function"), [("vae", "draw_tensor"), ("denoising_autoencoder", "corrupt_tensor")]
)
def test_noise_is_that_of_kerass_own_loop(name: str, function: str, batch_size: int | None) -> None:
    model = make(name)
    noise = model.bottleneck.noise if name == "vae" else model.corruption.noise
    noise.reset_evaluation(3)
    wanted = [View(model, function).predict(X, batch_size, verbose=0) for _ in range(2)]
    rows = Rowwise(model, function, draws=True)
    noise.reset_evaluation(3)
    np.testing.assert_allclose([rows(X, batch_size) for _ in range(2)], wanted, rtol=1e-5)
    assert not np.array_equal(*wanted)


def test_a_dict_with_a_mask_and_missing_entries_is_cut_into_batches() -> None:
    model = make("vae", missing="mask")
    x = {"x": np.where(X < 0.2, np.nan, X), "mask": (X < 0.8).astype("uint8")}
    wanted = direct(model, "score_tensor", x)
    np.testing.assert_allclose(model.score(x, 8), wanted, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float64", "int64", "uint8", "bool"])
def test_numbers_of_every_type_are_scored(dtype: str) -> None:
    model = make()
    x = (3 * X).astype(dtype)
    wanted = direct(model, "score_tensor", x.astype("float32"))
    np.testing.assert_allclose(model.score(x, 8), wanted, rtol=1e-5)


def test_arrays_that_nobody_may_write_to_are_scored() -> None:
    model, x = make(), X[::2]
    x.setflags(write=False)
    np.testing.assert_allclose(model.score(x, 8), direct(model, "score_tensor", x.copy()), 1e-5)


@pytest.mark.parametrize("batch_size", [None, 3])
@pytest.mark.parametrize(
    ("name", "shape", "options"),
    [
        ("autoencoder", (8, 8, 1), {"encoder": "conv", "hidden": [4]}),
        ("recurrent_autoencoder", (4, 8), {"hidden": [4]}),
    ],
)
def test_convolutions_and_recurrent_networks_are_run_in_batches(
    name: str, shape: tuple[int, ...], options: Any, batch_size: int | None
) -> None:
    x = np.random.default_rng(0).random((20, *shape)).astype("float32")
    model = keras_ae.create(name, input_shape=shape, latent_dim=2, **options)
    wanted = direct(model, "reconstruct_tensor", x)
    np.testing.assert_allclose(model.predict(x, batch_size), wanted, rtol=1e-5, atol=1e-5)


class Watching(keras.callbacks.Callback):
    """Counts batches."""

    batches = 0

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        self.batches += 1


def test_what_asks_for_kerass_loop_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make()
    wanted = model.score(X)
    monkeypatch.setattr(Rowwise, "__call__", lambda *_: pytest.fail("ran"))
    watching = Watching()
    np.testing.assert_allclose(model.score(X, 25, callbacks=[watching]), wanted, rtol=1e-5)
    assert watching.batches == 3
    assert model.score(X, 25, steps=2).shape == (50,)
    model.run_eagerly = True
    np.testing.assert_allclose(model.score(X), wanted, rtol=1e-5)


def test_only_arrays_are_cut_into_batches() -> None:
    model = make()
    assert rowwise.is_possible(model, {"x": X, "mask": X})
    assert not rowwise.is_possible(model, iter([X]))
    model.run_eagerly = True
    assert not rowwise.is_possible(model, X)


def test_an_unknown_option_is_refused_as_keras_does() -> None:
    with pytest.raises(TypeError, match="batches"):
        make().score(X, batches=None)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the peak of a process")
def test_scoring_needs_less_memory_than_the_data() -> None:
    model = keras_ae.create("autoencoder", input_shape=(21,), latent_dim=32, hidden=[64])
    x = np.random.default_rng(0).random((1_000_000, 21), dtype="float32")
    model.score(x[:50_000])
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    model.score(x)
    assert resident("VmHWM") - before < x.nbytes


def resident(which: str) -> int:
    """Return a number of bytes that Linux knows of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(which)).split()[1])
