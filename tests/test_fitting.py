from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

import keras_ae
from keras_ae import arrays

X = np.random.default_rng(0).random((24, 4)).astype("float32")
Y = 1 - X**2
WEIGHTS = np.random.default_rng(1).random(24).astype("float32")
BACKENDS = ("jax", "tensorflow", "torch")


def make(name: str = "autoencoder", **options: Any) -> Any:
    model = keras_ae.create(name, input_shape=(4,), latent_dim=2, hidden=[6], **options)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    return model


def still(name: str = "autoencoder", **options: Any) -> Any:
    """A model that training does not move, so that what is logged can be computed."""
    model = make(name, **options)
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    return model


def distortion(model: Any, y: np.ndarray = X) -> np.ndarray:
    """-log N(y; reconstruction of x, I) of each row."""
    return -stats.norm.logpdf(y.astype("f8"), model.predict(X)).sum(1)


def sources() -> dict[str, Any]:
    """The same rows as everything that `fit` takes."""

    class Rows(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> tuple[np.ndarray]:
            return (X[8 * index : 8 * index + 8],)

    def generator() -> Any:
        while True:
            yield (X[:8],)

    import tensorflow as tf
    import torch

    tensors = torch.utils.data.TensorDataset(torch.tensor(X))
    return {
        "array": X,
        "dict": {"x": X},
        "tf.data": tf.data.Dataset.from_tensor_slices(X).batch(8),
        "DataLoader": torch.utils.data.DataLoader(tensors, batch_size=8),
        "PyDataset": Rows(),
        "generator": generator(),
    }


@pytest.mark.parametrize(
    "kind", ["array", "dict", "tf.data", "DataLoader", "PyDataset", "generator"]
)
def test_every_source_of_data_trains(kind: str) -> None:
    steps = {"steps_per_epoch": 3} if kind == "generator" else {}
    history = make("vae").fit(sources()[kind], epochs=4, verbose=0, **steps).history
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("kind", ["array", "tf.data", "DataLoader", "PyDataset"])
def test_scaling_is_measured_on_every_source_that_can_be_read_again(kind: str) -> None:
    model = make(normalize="minmax")
    model.fit(sources()[kind], epochs=1, verbose=0)
    np.testing.assert_allclose(ops.convert_to_numpy(model.normalizer.offset), X.min(0), rtol=1e-6)


def test_scaling_is_measured_once() -> None:
    model = make(normalize="minmax")
    for x in (X, 10 * X):
        model.fit(x, epochs=1, verbose=0)
    np.testing.assert_allclose(ops.convert_to_numpy(model.normalizer.offset), X.min(0), rtol=1e-6)


def test_a_codebook_starts_at_the_features_of_the_training_data() -> None:
    model = still("vq_vae", num_codes=4, tokens=1, dead_code_threshold=0.0)
    history = model.fit(np.tile(X[:4], (6, 1)), epochs=1, verbose=0).history
    assert history["quantization"][0] < 1e-9


def test_the_y_given_is_what_is_reconstructed() -> None:
    model = still()
    logs = model.fit(X, Y, validation_data=(X, Y), verbose=0).history
    wanted = pytest.approx([distortion(model, Y).mean()], rel=1e-5)
    assert (logs["loss"], logs["val_loss"]) == (wanted, wanted)


@pytest.mark.parametrize("y", [None, Y])
def test_sample_weights_multiply_the_losses_of_their_rows(y: np.ndarray | None) -> None:
    model = still()
    logs = model.fit(X, y, sample_weight=WEIGHTS, verbose=0).history
    wanted = (WEIGHTS * distortion(model, X if y is None else y)).mean()
    assert logs["loss"] == pytest.approx([wanted], rel=1e-5)


def test_patience_stops_and_restores_the_best_weights() -> None:
    model = make()
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    history = model.fit(X, epochs=20, validation_data=X, patience=2, verbose=0).history
    assert len(history["loss"]) == 3
    with pytest.raises(ValueError, match="`patience` must be a whole number"):
        model.fit(X, patience=0, verbose=0)
    """Validation begins at its optimum, so the first epoch is the best."""
    weights = []
    for epochs, patience in ((1, None), (20, 2)):
        keras.utils.set_random_seed(3)
        model = make()
        held_out = (X, model.predict(X))
        options = {"validation_data": held_out, "patience": patience, "verbose": 0}
        history = model.fit(X, epochs=epochs, **options).history
        weights.append(model.get_weights())
    assert len(history["val_loss"]) == 3
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_impossible_patience_is_refused() -> None:
    with pytest.raises(ValueError, match="`patience` must be a whole number"):
        make().fit(X, patience=0, verbose=0)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vae", {}),
        ("denoising_autoencoder", {}),
        ("contractive_autoencoder", {"estimator": "hutchinson"}),
        ("adversarial_autoencoder", {"critic_hidden": [4]}),
    ],
)
def test_validation_leaves_the_noise_of_training_alone(name: str, options: Any) -> None:
    losses = []
    for held_out in (None, X[:8]):
        keras.utils.set_random_seed(3)
        model = make(name, **options)
        given = {"validation_data": held_out, "epochs": 3, "verbose": 0}
        losses.append(model.fit(X, **given).history["loss"])
    assert losses[0] == losses[1]


def test_a_loss_that_is_not_a_number_stops_with_advice_and_the_last_good_weights() -> None:
    def batches(bad: int) -> Any:
        for number in itertools.count():
            yield (X[:4] * (np.nan if number == bad else 1.0),)

    weights = []
    for bad, epochs in ((550, 4), (-1, 2)):
        keras.utils.set_random_seed(3)
        model = make()
        told = pytest.warns(UserWarning, match="Try a lower learning rate")
        options = {"steps_per_epoch": 200, "epochs": epochs, "verbose": 0}
        with told if bad > 0 else contextlib.nullcontext():
            history = model.fit(batches(bad), **options).history
        weights.append(model.get_weights())
    assert len(history["loss"]) == 2
    # The first block of the third epoch had a finite loss: the end of the second was good.
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("validates", [False, True])
def test_a_last_step_that_spoils_the_weights_is_taken_back(validates: bool) -> None:
    model = make()
    model.compile(optimizer=keras.optimizers.SGD(1e30))
    before = model.get_weights()
    held_out = {"validation_data": X} if validates else {}
    with pytest.warns(UserWarning, match="Try a lower learning rate"):
        history = model.fit(X, epochs=9, batch_size=24, verbose=0, **held_out).history
    assert len(history["loss"]) == (1 if validates else 2)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_loss_that_is_not_a_number_does_not_wait_for_the_end_of_an_epoch() -> None:
    model, given = make(), []
    model.compile(optimizer=keras.optimizers.SGD(1e30))
    batches = ((X[:8],) for _ in iter(lambda: given.append(1), 0))
    with pytest.warns(UserWarning, match="the loss became .* in epoch 1"):
        model.fit(batches, steps_per_epoch=2000, verbose=0)
    assert len(given) < 2000
    assert np.isfinite(model.predict(X)).all()


def test_validation_takes_every_form() -> None:
    model = still()
    wanted = distortion(model).mean()
    weighted = (WEIGHTS * distortion(model, Y)).mean()
    forms = [X, (X,), {"x": X}, (X, Y), (X, Y, WEIGHTS)]
    losses = [
        model.fit(X, validation_data=form, verbose=0).history["val_loss"][0] for form in forms
    ]
    assert losses == pytest.approx(
        [wanted, wanted, wanted, distortion(model, Y).mean(), weighted], rel=1e-5
    )


def test_what_compile_was_told_is_stored_as_every_backend_reads_it(tmp_path: Path) -> None:
    make().save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        stored = json.loads(file.read("config.json"))["compile_config"]
    assert stored["optimizer"]["module"] == "keras.optimizers"
    assert stored["jit_compile"] == "auto"


RESUME = """
import json, sys
import keras, keras_ae, numpy as np
from keras import ops
model = keras.saving.load_model(sys.argv[1])
x = np.load(sys.argv[2])
predicted = model.predict(x)
before = int(ops.convert_to_numpy(model.optimizer.iterations))
history = model.fit(x, epochs=2, batch_size=8, shuffle=False, verbose=0).history
noise = getattr(model.bottleneck, "noise", None) or model.bottleneck.table.noise
print(json.dumps({
    "predicted": predicted.tolist(),
    "iterations": [before, int(ops.convert_to_numpy(model.optimizer.iterations))],
    "step": int(ops.convert_to_numpy(model.step)),
    "noise": ops.convert_to_numpy(noise.training_seed.state).tolist(),
    "loss": history["loss"],
    "jit": bool(model.jit_compile),
}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("target", BACKENDS)
@pytest.mark.parametrize("name", ["vae", "vq_vae"])
def test_a_file_of_this_backend_resumes_on_every_backend(
    name: str, target: str, tmp_path: Path
) -> None:
    options = {"num_codes": 4, "tokens": 2, "dead_code_threshold": 0.0} if name == "vq_vae" else {}
    model = make(name, **options)
    model.fit(X, epochs=2, batch_size=8, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", X)
    child = subprocess.run(
        [sys.executable, "-c", RESUME, str(tmp_path / "model.keras"), str(tmp_path / "x.npy")],
        env={**os.environ, "KERAS_BACKEND": target},
        capture_output=True,
        text=True,
        check=True,
    )
    there = json.loads(child.stdout.splitlines()[-1])
    np.testing.assert_allclose(there["predicted"], model.predict(X), rtol=1e-4, atol=1e-5)
    assert there["iterations"] == [6, 12]
    assert there["step"] == 12
    assert there["jit"] == (target == "jax")
    noise = getattr(model.bottleneck, "noise", None) or model.bottleneck.table.noise
    state = ops.convert_to_numpy(noise.training_seed.state)
    if name == "vae":
        assert there["noise"][0] == int(state[0])
        assert there["noise"][1] > int(state[1])
    here = model.fit(X, epochs=2, batch_size=8, shuffle=False, verbose=0).history["loss"]
    if name == "vq_vae":  # no noise: the same numbers everywhere
        np.testing.assert_allclose(there["loss"], here, rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": X, "y": X[:3]}, r"same number of rows\. Received: \{'x': 24, 'y': 3\}"),
        ({"x": X, "sample_weight": np.ones(5)}, r"same number of rows.*'sample_weight': 5"),
        ({"x": {"x": X, "mask": X[:2]}}, r"same number of rows.*'mask': 2"),
        ({"x": {"x": X, "mask": np.ones((24, 3))}}, r"`mask` must have the shape \(batch, 4\)"),
        ({"x": X, "y": np.where(X > 0.9, np.nan, X)}, "`y` must be finite"),
        ({"x": X, "validation_data": np.where(X > 0.9, np.nan, X)}, "`x` must be finite"),
        ({"x": X, "validation_data": (X, np.where(X > 0.9, np.nan, X))}, "`y` must be finite"),
        ({"x": X, "validation_data": (X, X, np.ones(5))}, "same number of rows"),
        ({"x": X, "class_weight": {0: 1.0}}, "an autoencoder has no classes to weigh"),
    ],
)
def test_arrays_that_cannot_be_trained_on_are_refused(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make().fit(**arguments, verbose=0)


def test_a_model_that_is_not_compiled_is_refused() -> None:
    model = keras_ae.create("vae", input_shape=(4,), latent_dim=2)
    for method in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="a model must be compiled first"):
            method(X, verbose=0)


def test_an_evaluation_has_at_least_one_pass() -> None:
    with pytest.raises(ValueError, match="`samples` must be a whole number of at least 1"):
        make().evaluate(X, samples=0, verbose=0)


def test_a_tensor_of_tensorflow_trains_on_every_backend() -> None:
    import tensorflow as tf

    history = make().fit(tf.constant(X), epochs=2, sample_weight=[1.0] * 24, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def test_scaling_is_measured_on_one_epoch_of_a_stream_without_end() -> None:
    import tensorflow as tf

    endless = tf.data.Dataset.from_tensor_slices(X).batch(8).repeat()
    model = make(normalize="minmax")
    model.fit(endless, steps_per_epoch=3, epochs=1, verbose=0)
    np.testing.assert_allclose(ops.convert_to_numpy(model.normalizer.offset), X.min(0), rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x": None}, "`x` must be given"),
        ({"x": X, "batch_size": 0}, "`batch_size` must be a whole number of at least 1"),
        ({"x": X, "validation_split": 1.0}, r"`validation_split` must be a share in \[0, 1\)"),
        ({"x": X, "sample_weight": np.ones((24, 1))}, r"`sample_weight` must have the shape"),
        ({"x": {"x": X, "mask": np.full((24, 4), np.nan)}}, "`mask` must be finite"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make().fit(**options, verbose=0)


def test_a_file_that_is_not_read_into_memory_trains_and_is_measured_as_its_array(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "x.npy", X.astype("float64"))
    given = {"epochs": 2, "batch_size": 8, "verbose": 0}
    losses = []
    for bytes_of_map in (2**30, 1):
        monkeypatch.setattr(arrays, "MAPPED_BYTES", bytes_of_map)
        keras.utils.set_random_seed(3)
        model, x = make(normalize="standard"), np.load(tmp_path / "x.npy", mmap_mode="r")
        history = model.fit(x, validation_data=(x, x), **given).history
        losses.append([*history["loss"], *history["val_loss"], *model.evaluate(x, verbose=0)])
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


@pytest.mark.parametrize("validates", [False, True])
def test_early_stopping_does_not_bring_lost_weights_back(validates: bool) -> None:
    model = make()
    model.compile(optimizer=keras.optimizers.SGD(1e30))
    before = model.get_weights()
    held_out = {"validation_data": X} if validates else {}
    with pytest.warns(UserWarning, match="Try a lower learning rate"):
        model.fit(X, epochs=9, batch_size=len(X), patience=3, verbose=0, **held_out)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
