"""A style beside shares of clusters, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import special

import keras_ae
from keras_ae.bottlenecks import SoftClusters

H = np.random.default_rng(0).normal(size=(6, 2, 5)).astype("float32")


@pytest.mark.parametrize("training", [False, True])
def test_the_code_is_a_style_and_a_softmax(training: bool) -> None:
    """Makhzani et al. (2015), section 5: q(y | x) is a softmax, z is linear."""
    code = SoftClusters(3, 4)
    code.build((None, 2, 5))
    rng = np.random.default_rng(1)
    for weight in code.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    by_size = {w.shape: np.array(w, "f8") for w in code.trainable_weights}
    assert set(by_size) == {(10, 3), (3,), (10, 4), (4,)}
    h = H.reshape(6, 10)
    z = h @ by_size[10, 3] + by_size[(3,)]
    y = special.softmax(h @ by_size[10, 4] + by_size[(4,)], axis=1)
    found = {
        k: ops.convert_to_numpy(v) for k, v in code(H, training=training, sample=training).items()
    }
    assert set(found) == {"latent", "shares"}
    np.testing.assert_allclose(found["shares"], y, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["latent"], np.concatenate([z, y], 1), rtol=1e-4, atol=1e-5)


def test_a_model_of_it_is_pulled_to_numbers_and_one_hot_vectors() -> None:
    model = keras_ae.create(
        "adversarial_autoencoder",
        input_shape=(6,),
        latent_dim=2,
        clusters=3,
        hidden=[4],
        critic_hidden=[4],
    )
    x = np.random.default_rng(2).random((10, 6)).astype("float32")
    codes, shares = model.encode(x), ops.convert_to_numpy(model(x)["shares"])
    assert model.latent_shape == (5,)
    np.testing.assert_allclose(codes[:, 2:], shares, rtol=1e-6)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
    model.compile("sgd")
    assert np.isfinite(model.fit(x, verbose=0).history["loss"]).all()
    assert model.sample(3, seed=0).shape == (3, 6)


@pytest.mark.parametrize(
    ("option", "wrong"),
    [("latent_dim", 0), ("latent_dim", 1.5), ("clusters", 1), ("clusters", 0), ("clusters", 2.5)],
)
def test_an_impossible_size_is_refused(option: str, wrong: Any) -> None:
    given: dict[str, Any] = {"latent_dim": 3, "clusters": 4, option: wrong}
    with pytest.raises(ValueError, match=f"`{option}` must be"):
        SoftClusters(**given)
