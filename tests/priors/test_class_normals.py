"""The normal of each class, beside SciPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

import keras_ae
from keras_ae.bottlenecks import Deterministic, Gaussian, Hyperspherical
from keras_ae.distributions.noise import Noise
from keras_ae.objectives import KLDivergence, MaximumMeanDiscrepancy, Reconstruction
from keras_ae.priors import ClassNormals

RNG = np.random.default_rng(0)
X = RNG.random((12, 5)).astype("float32")


def make(
    classes: int = 4, latent_dim: int = 3, bottleneck: Any = None, condition: Any = (), **prior: Any
) -> Any:
    label = {"name": "label", "categories": classes}
    bottleneck = bottleneck or Gaussian(latent_dim)
    matching = KLDivergence() if bottleneck.reports else MaximumMeanDiscrepancy()
    return keras_ae.LatentModel(
        (5,),
        bottleneck=bottleneck,
        objective=[Reconstruction(), matching],
        prior={"name": "class_normals", **prior},
        condition=label if condition == () else condition,
        hidden=[6],
    )


def given(model: Any, labels: Any, classes: int = 4) -> Any:
    return model.prior.given(ops.convert_to_tensor(np.eye(classes, dtype="float32")[labels]))


def means(model: Any, classes: int) -> np.ndarray:
    """Where the densities are highest: draws without their noise."""
    return np.asarray(ops.convert_to_numpy(given(model, range(classes), classes).mean), "f8")


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("latent_dim", [2, 5])
def test_the_means_are_even_on_a_circle(classes: int, latent_dim: int) -> None:
    m = means(make(classes, latent_dim, radius=3.0), classes)
    assert m.shape == (classes, latent_dim)
    np.testing.assert_array_equal(m[:, 2:], 0)
    np.testing.assert_allclose(np.linalg.norm(m, axis=1), 3.0, rtol=1e-5)
    neighbours = np.linalg.norm(m - np.roll(m, 1, axis=0), axis=1)
    np.testing.assert_allclose(neighbours, 6 * np.sin(np.pi / classes), rtol=1e-5)
    apart = np.linalg.norm(m[:, None] - m, axis=-1) + 100 * np.eye(classes)
    assert apart.min() > 5.9 * np.sin(np.pi / classes)


@pytest.mark.parametrize(("radius", "deviation"), [(4.0, 0.5), (1.0, 2.0)])
def test_the_density_is_that_of_each_rows_class(radius: float, deviation: float) -> None:
    model, labels = make(radius=radius, deviation=deviation), RNG.integers(4, size=12)
    z = RNG.normal(size=(12, 3)).astype("float32")
    wanted = stats.norm.logpdf(z, means(model, 4)[labels], deviation).sum(1)
    got = ops.convert_to_numpy(given(model, labels).log_prob(ops.convert_to_tensor(z)))
    np.testing.assert_allclose(got, wanted, rtol=1e-4)
    default = given(make(), labels).log_prob(ops.convert_to_tensor(z))
    same = np.allclose(ops.convert_to_numpy(default), wanted, rtol=1e-4)
    assert same is (radius == 4.0)


def test_draws_follow_each_class() -> None:
    model, rows = make(deviation=0.8), 10_000
    labels = np.repeat([1, 3], rows)
    drawn = ops.convert_to_numpy(given(model, labels).sample((2 * rows, 3), Noise()))
    for z, mean in zip(drawn.reshape(2, rows, 3), means(model, 4)[[1, 3]], strict=True):
        for coordinate, centre in zip(z.T, mean, strict=True):
            assert stats.kstest(coordinate, stats.norm(centre, 0.8).cdf).pvalue > 1e-4
        assert abs(np.corrcoef(z.T) - np.eye(3)).max() < 4.5 / np.sqrt(rows)


def test_the_divergence_is_that_of_two_normals() -> None:
    model, labels = make(), np.arange(12) % 4
    found = model.posterior({"x": X, "condition": labels})
    m, s = found["mean"].astype("f8"), np.exp(0.5 * found["log_var"].astype("f8"))
    wanted = np.log(0.5 / s) + (s**2 + (m - means(model, 4)[labels]) ** 2) / (2 * 0.25) - 0.5
    outputs = {key: ops.convert_to_tensor(value) for key, value in found.items()}
    got = ops.convert_to_numpy(model.bottleneck.kl(outputs, given(model, labels)))
    np.testing.assert_allclose(got, wanted, rtol=1e-4)


def test_examples_of_a_class_are_its_codes_decoded() -> None:
    model = make(deviation=1e-4)
    for label in (0, 2):
        z = means(model, 4)[[label] * 3].astype("float32")
        wanted = model.decode(z, condition=label)
        np.testing.assert_allclose(model.sample(3, condition=label), wanted, atol=1e-3)
    assert abs(wanted - model.decode(z, condition=1)).max() > 1e-3


def test_it_neither_learns_nor_is_lost(tmp_path: Path) -> None:
    model, labels = make(radius=2.0, deviation=0.3), np.arange(12) % 4
    before = means(model, 4)
    assert model.prior.trainable_weights == []
    model.compile("sgd")
    model.fit({"x": X, "condition": labels}, verbose=0)
    np.testing.assert_array_equal(means(model, 4), before)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    mine, theirs = (m.sample(3, condition=1, seed=0) for m in (model, loaded))
    np.testing.assert_array_equal(mine, theirs)


def test_codes_without_a_posterior_are_matched_to_their_classes() -> None:
    """The term falls as codes come to the normals of their rows' classes."""
    model, labels = make(bottleneck=Deterministic(3)), np.arange(12) % 4
    model.compile("sgd")
    history = model.fit({"x": X, "condition": labels}, verbose=0).history
    assert np.isfinite(history["mmd"]).all()


@pytest.mark.parametrize("condition", [None, 3])
def test_it_needs_labels(condition: Any) -> None:
    with pytest.raises(ValueError, match=r"needs? (a model with a condition|labels).*Received: "):
        make(condition=condition)


def test_a_circle_needs_two_numbers_of_a_vector() -> None:
    for options in ({"latent_dim": 1}, {"bottleneck": Hyperspherical(3)}):
        with pytest.raises(ValueError, match="Received: |codes in sphere"):
            make(**options)


@pytest.mark.parametrize("option", ["radius", "deviation"])
@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf"), "wide"])
def test_an_impossible_argument_is_refused(option: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"`{option}` must"):
        ClassNormals(**{option: wrong})
