"""The distance of codes from their centres, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

import keras_ae
from tests.gradients import gradient

X = np.random.default_rng(0).normal(size=(20, 6)).astype("float32")


def test_it_is_half_the_squared_distance_from_the_nearest_centre() -> None:
    """Yang et al. (2017), equation 5."""
    options = {"latent_dim": 2, "clusters": 3, "hidden": [5]}
    model = keras_ae.create("dcn", input_shape=(6,), **options)
    centres = np.random.default_rng(1).normal(size=(3, 2)).astype("float32")
    model.bottleneck.put(centres, np.ones(3))
    found = model.objective[1].value(model, model.batch(X), model(X), False)
    apart = ((np.asarray(model.encode(X), "f8")[:, None] - centres) ** 2).sum(-1)
    wanted = 0.5 * apart.min(1)
    np.testing.assert_allclose(ops.convert_to_numpy(found), wanted, rtol=1e-3, atol=1e-5)


def test_its_gradient_leads_from_the_centre_which_is_held() -> None:
    term = keras_ae.objectives.ClusterDistance()
    z = np.array([[1.0, 2.0], [0.0, 0.5]], "float32")

    def value(latent: Any) -> Any:
        return ops.sum(term.value(None, None, {"latent": latent, "centre": 2.0 * latent}, False))

    np.testing.assert_allclose(gradient(value, z), z - 2 * z, rtol=1e-6)
