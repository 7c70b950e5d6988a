"""SkipSteps and Classifier, by their docstrings."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.classifier import Classifier
from keras_ae.optimizers import SkipSteps
from tests.oracles.sparse_numpy import array, close

pytestmark = pytest.mark.slow


def apply(optimizer: Any, v: Any, g: Any) -> None:
    optimizer.apply([ops.convert_to_tensor(np.asarray(a, "float32")) for a in g], v)


def variables() -> list[Any]:
    return [keras.Variable(np.ones(2, "float32")), keras.Variable(np.ones((1, 2), "float32"))]


@pytest.mark.parametrize("inner", ["sgd", "adam"])
@pytest.mark.parametrize(
    ("bad", "threshold"),
    [([3.0, 4.1], 5.0), ([np.nan, 0.0], None), ([np.inf, 0.0], None), ([-np.inf, 1.0], 5.0)],
)
def test_a_skipped_step_moves_nothing(inner, bad, threshold):
    plain = keras.optimizers.get(inner)
    skipping = SkipSteps(keras.optimizers.get(inner), threshold)
    a, b = variables(), variables()
    plain.build(a)
    skipping.build(b)
    good = [[0.3, -0.2], [[0.1, 0.4]]]
    for i in range(5):
        if i in (1, 3):
            before = [array(w) for w in skipping.variables]
            apply(skipping, b, [bad, [[0.0, 0.0]]])
            changed = [
                w.path
                for w, old in zip(skipping.variables, before, strict=True)
                if not np.array_equal(array(w), old)
            ]
            assert len(changed) == 1, changed  # the count alone
        else:
            apply(plain, a, good)
            apply(skipping, b, good)
    for v, w in zip(a, b, strict=True):
        close(array(w), array(v), 1e-6)
    assert int(array(skipping.skipped)) == 2
    assert int(array(skipping.iterations)) == 3 == int(array(plain.iterations))


def test_the_length_is_that_of_all_gradients():
    # sqrt(3^2 + 4^2) = 5 over two variables: at 5 it is taken, above it is not.
    for threshold, taken in ((5.0, True), (4.99, False)):
        o = SkipSteps("sgd", threshold)
        v = variables()
        o.build(v)
        apply(o, v, [[3.0, 0.0], [[0.0, 4.0]]])
        assert bool((array(v[0]) != 1).any()) is taken


def test_skip_steps_is_saved_and_refuses_nonsense():
    o = SkipSteps(keras.optimizers.Adam(2e-3, clipnorm=1.0), threshold=7.0)
    same = keras.optimizers.deserialize(keras.optimizers.serialize(o))
    assert same.get_config() == o.get_config()
    close(float(array(ops.convert_to_tensor(o.learning_rate))), 2e-3)
    for threshold in (0, -1.0):
        with pytest.raises(ValueError, match="Received|must"):
            SkipSteps("adam", threshold)
    with pytest.raises(ValueError, match="Received|must"):
        SkipSteps(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()))


def test_a_batch_that_is_not_finite_is_left_out_of_the_mean():
    model = keras_ae.create("autoencoder", input_shape=(4,), latent_dim=2, hidden=[4])
    model.compile(SkipSteps(keras.optimizers.SGD(0.0)))
    x = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
    # The middle batch overflows: its loss is inf.
    x[8:16] = 1e25
    good = np.concatenate([x[:8], x[16:]])
    want = model.evaluate(good, batch_size=8, verbose=0, return_dict=True)["loss"]
    logs = model.fit(x, batch_size=8, epochs=1, shuffle=False, verbose=0).history
    close(logs["loss"][0], want, 1e-4)
    assert int(array(model.optimizer.skipped)) == 1


def softmax(a):
    e = np.exp(a - a.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def trained(**options: Any) -> Any:
    model = keras_ae.create("autoencoder", input_shape=(5,), latent_dim=3, hidden=[6], **options)
    model.compile("adam")
    x = np.random.default_rng(0).normal(size=(60, 5)).astype("float32") * 3 + 1
    model.fit(x, epochs=2, verbose=0)
    return model, x, (x[:, 0] > 1).astype(int) + (x[:, 1] > 1)


def test_a_probe_is_a_layer_on_standardised_codes():
    model, x, labels = trained()
    before = [array(w) for w in model.weights]
    probe = Classifier(model, classes=3, frozen=True)
    probe.compile(
        keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    logs = probe.fit(x, labels, epochs=200, batch_size=60, verbose=0).history
    assert all(np.array_equal(a, array(b)) for a, b in zip(before, model.weights, strict=True))
    assert len(probe.trainable_weights) == 2
    kernel, bias = (array(w) for w in probe.trainable_weights)
    codes = model.encode(x)
    moving = {w.path.split("/")[-1]: array(w) for w in probe.weights if "moving_" in w.path}
    z = (codes - moving["moving_mean"]) / np.sqrt(moving["moving_variance"] + 1e-5)
    np.testing.assert_allclose(probe.predict(x, verbose=0), softmax(z @ kernel + bias), atol=0.01)
    assert logs["accuracy"][-1] > 0.6
    p = probe.predict(x, verbose=0)
    close(p.sum(1), np.ones(60))
    close(probe.predict(x[:1], verbose=0), p[:1], 1e-4)


def test_a_probe_predicts_as_it_was_trained():
    # He et al., appendix A.1: standardisation by moving averages. Codes are far from zero; after
    # 100 steps the averages must be those of the codes, or predictions are not what was learned.
    model, _, _ = trained()
    x = np.random.default_rng(1).normal(size=(200, 5)).astype("float32") * 0.3 + 8
    labels = (x[:, 0] > 8).astype(int)
    probe = Classifier(model, classes=2, frozen=True)
    probe.compile(
        keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    logs = probe.fit(x, labels, epochs=50, batch_size=100, verbose=0).history
    now = probe.evaluate(x, labels, verbose=0, return_dict=True)["accuracy"]
    assert now > logs["accuracy"][-1] - 0.1, (logs["accuracy"][-1], now)


def test_tuning_moves_the_copy_and_not_the_model():
    model, x, labels = trained()
    before, codes = [array(w) for w in model.weights], model.encode(x)
    tuned = Classifier(model, classes=3)
    assert len(tuned.trainable_weights) > 2
    tuned.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    tuned.fit(x, labels, epochs=3, verbose=0)
    assert all(np.array_equal(a, array(b)) for a, b in zip(before, model.weights, strict=True))
    close(model.encode(x), codes)


def test_pools(tmp_path):
    model = keras_ae.create(
        "masked_autoencoder",
        input_shape=(4, 4, 1),
        latent_dim=3,
        patch_size=2,
        width=8,
        depth=1,
        heads=2,
        decoder_width=8,
    )
    x = np.random.default_rng(0).random((20, 4, 4, 1)).astype("float32")
    for pool, size in (("mean", 3), ("all", 12)):
        c = Classifier(model, classes=2, pool=pool, frozen=True)
        c.compile("adam", "sparse_categorical_crossentropy")
        c.fit(x, np.arange(20) % 2, verbose=0)
        assert c.trainable_weights[0].shape == (size, 2)
        c.save(tmp_path / f"{pool}.keras")
        same = keras.saving.load_model(tmp_path / f"{pool}.keras")
        close(same.predict(x, verbose=0), c.predict(x, verbose=0), 1e-5)


def test_gaps_and_scaling_are_as_to_the_model():
    model, x, labels = trained(missing="mask", normalize="standard")
    gaps = x.copy()
    gaps[np.random.default_rng(1).random(x.shape) < 0.2] = np.nan
    c = Classifier(model, classes=3, frozen=True)
    c.compile("adam", "sparse_categorical_crossentropy")
    assert np.isfinite(c.fit(gaps, labels, verbose=0).history["loss"]).all()
    assert np.isfinite(c.predict(gaps, verbose=0)).all()


@pytest.mark.parametrize("bad", [{"classes": 1}, {"classes": 0}, {"classes": 2, "pool": "max"}])
def test_bad_arguments(bad):
    model, _, _ = trained()
    with pytest.raises(ValueError, match="Received|must"):
        Classifier(model, **bad)


@pytest.mark.parametrize("labels", [[0, 1, 3], [-1, 0, 1]])
def test_bad_labels(labels):
    model, x, _ = trained()
    c = Classifier(model, classes=3, frozen=True)
    c.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(Exception, match="(?i)label|bound|target|range"):
        c.fit(x[:3], np.array(labels), verbose=0)
