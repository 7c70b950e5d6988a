from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae import arrays, inputs
from keras_ae.conditions import Vector

X = np.random.default_rng(0).random((10, 4)).astype("float32")


def make(**options: Any) -> Any:
    model = keras_ae.create("autoencoder", input_shape=(4,), latent_dim=2, hidden=[6], **options)
    model.compile(optimizer="adam")
    return model


def make_vae(**options: Any) -> Any:
    model = keras_ae.create("vae", input_shape=(4,), latent_dim=2, hidden=[6], **options)
    model.compile(optimizer="adam")
    return model


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (X[:, :3], ValueError, r"`x` must have the shape \(batch, 4\). Received: shape \(10, 3\)"),
        (X[0], ValueError, r"For one example use x\[None\]"),
        (X.reshape(10, 2, 2), ValueError, r"Use x\.reshape\(-1, 4\)"),
        (X[:0], ValueError, "`x` must have at least one row"),
        (X.astype(str), TypeError, "`x` must hold numbers. Received: dtype"),
        (np.where(X[2, 1] == X, np.inf, X), ValueError, r"Received: inf at \(2, 1\)"),
        ({"images": X}, ValueError, "an input dict must have the key 'x'"),
        ({"x": X, "label": X}, ValueError, "an input dict must have the key 'x'"),
    ],
)
def test_bad_training_data_are_refused(x: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make().fit(x, verbose=0)


def test_labels_as_y_are_refused_with_the_place_where_they_go() -> None:
    with pytest.raises(ValueError, match="Labels go through `condition`"):
        make().fit(X, np.arange(10), verbose=0)


def test_integers_and_double_precision_and_lists_are_taken() -> None:
    model, whole = make(), np.round(9 * X)
    forms = (whole, whole.astype("float64"), whole.astype("uint8"), whole.tolist())
    losses = [model.evaluate(x, verbose=0) for x in forms]
    assert losses == [losses[0]] * 4


def test_a_mask_takes_entries_out_of_the_loss_and_of_the_input() -> None:
    model = make()
    mask = (np.random.default_rng(1).random(X.shape) < 0.6).astype("float32")
    other = np.where(mask > 0, X, 0.123).astype("float32")
    np.testing.assert_allclose(
        model.score({"x": X, "mask": mask}), model.score({"x": other, "mask": mask}), rtol=1e-6
    )
    assert not np.allclose(model.score(X), model.score({"x": X, "mask": mask}))


def test_nan_stands_for_a_missing_entry_when_asked() -> None:
    model = make(missing="mask")
    holes = X.copy()
    holes[::2, 1] = np.nan
    mask = np.isfinite(holes).astype("float32")
    np.testing.assert_allclose(
        model.score(holes), model.score({"x": np.nan_to_num(holes), "mask": mask}), rtol=1e-6
    )
    assert np.isfinite(model.fit(holes, epochs=2, verbose=0).history["loss"]).all()
    assert np.isfinite(model.predict(holes)).all()


def test_a_target_of_its_own_is_reconstructed() -> None:
    batch = make().batch(ops.convert_to_tensor(X), ops.convert_to_tensor(1 - X))
    np.testing.assert_array_equal(ops.convert_to_numpy(batch.target), 1 - X)
    np.testing.assert_array_equal(ops.convert_to_numpy(batch.x), X)


def test_a_stream_in_memory_keeps_conditions_and_masks() -> None:
    given = {"x": X, "condition": X[:, :1], "mask": np.ones_like(X)}
    parts = [{key: a[k : k + 4] for key, a in given.items()} for k in range(0, 10, 4)]
    for source in (iter(parts), given):
        found = inputs.in_memory(source, (4,), None, Vector(1))
        for key, array in given.items():
            np.testing.assert_array_equal(found[key], array)


def test_a_stream_without_a_batch_is_refused_and_so_is_one_of_different_keys() -> None:
    for parts in ([], [{"x": X}, {"x": X, "mask": X}]):
        with pytest.raises(ValueError, match="must have at least one batch, and all batches"):
            inputs.in_memory(iter(parts), (4,), None)
    with pytest.raises(ValueError, match=r"Received: shape \(10, 3\)"):
        inputs.in_memory(iter([X[:, :3]]), (4,), None)


def test_a_generator_cannot_be_measured_before_training() -> None:
    generator = ((X,) for _ in range(3))
    with pytest.raises(ValueError, match=r"call `model\.adapt\(x\)` first"):
        make(normalize="standard").fit(generator, verbose=0)


@pytest.mark.parametrize("leading", [False, True])
def test_entries_behind_a_mask_may_hold_anything(leading: bool) -> None:
    model = make_vae(likelihood="bernoulli")
    x, mask = X.round(), np.ones((10,) if leading else X.shape, "float32")
    x[3], mask[3] = -9.0, 0.0
    given = {"x": x, "mask": mask}
    model.fit(given, verbose=0)
    assert np.isfinite(model.score(given)).all()
    assert np.isfinite(model.log_prob(given, 2)).all()
    x[4] = -9.0
    for method in (model.fit, model.score, model.log_prob):
        with pytest.raises(ValueError, match=r"lie in \[0, 1\]. Received: values from -9"):
            method(given)


def test_the_support_is_checked_some_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = make_vae(likelihood="bernoulli"), []
    monkeypatch.setattr(arrays, "CHUNK_BYTES", 4 * 8 * 4)
    monkeypatch.setattr(model.likelihood, "check_support", lambda x: seen.append(len(x)))
    inputs.check_support(model, X)
    assert seen == [4, 4, 2]


def test_a_scaling_is_measured_on_what_a_mask_leaves() -> None:
    x = np.where(X > 0.5, X, -999.0).astype("f4")
    mask = (X > 0.5).astype("f4")
    model = make(normalize="standard")
    model.adapt({"x": x, "mask": mask})
    seen = np.where(X > 0.5, X, np.nan)
    np.testing.assert_allclose(
        ops.convert_to_numpy(model.normalizer.offset), np.nanmean(seen, axis=0), rtol=1e-5
    )
