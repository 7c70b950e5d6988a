from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops
from scipy import stats

import keras_ae
from keras_ae import samplers
from keras_ae.distributions.noise import Noise
from tests.samplers.models import X, identity


def chain(model: Any, **options: Any) -> Any:
    return samplers.RiemannianHMC(**options).fit(model, X)


def volume(sampler: Any, z: np.ndarray) -> np.ndarray:
    """Log sqrt(det G), from the definition."""
    means, precisions, rho = (
        ops.convert_to_numpy(sampler.kept[k]).astype("f8") for k in ("means", "precisions", "rho")
    )
    weights = np.exp(-(((z[:, None] - means) ** 2) * precisions).sum(-1) / rho**2)
    floor = sampler.regularization * np.exp(-sampler.decay * (z**2).sum(1, keepdims=True))
    return 0.5 * np.log(weights @ precisions + floor).sum(1)


def test_the_volume_and_its_gradient_are_those_of_the_metric() -> None:
    sampler = chain(identity("vae"), centres=15)
    z = (X[:6] + 0.1).astype("float32")
    got = ops.convert_to_numpy(sampler.log_volume(ops.convert_to_tensor(z)))
    np.testing.assert_allclose(got, volume(sampler, z.astype("f8")), rtol=1e-4)
    step = 1e-4
    wanted = np.stack(
        [
            (volume(sampler, z + step * e) - volume(sampler, z - step * e)) / (2 * step)
            for e in np.eye(3)
        ],
        axis=1,
    )
    got = ops.convert_to_numpy(sampler.volume_gradient(ops.convert_to_tensor(z)))
    np.testing.assert_allclose(got, wanted, rtol=2e-3, atol=2e-3)


def test_chains_draw_by_the_volume() -> None:
    model = keras_ae.create("vae", input_shape=(1,), latent_dim=1, hidden=[])
    model.bottleneck.mean_head.set_weights([np.eye(1), np.zeros(1)])
    model.bottleneck.log_var_head.set_weights([np.zeros((1, 1)), np.zeros(1)])
    x = np.array([[-1.0], [0.5], [1.0]], "float32")
    sampler = samplers.RiemannianHMC(
        steps=60, leapfrog_steps=5, step_size=0.4, decay=0.1, regularization=0.1
    ).fit(model, x)
    drawn = ops.convert_to_numpy(sampler.sample((3_000, 1), Noise()))[:, 0]
    grid = np.linspace(-15, 15, 3_001)
    density = np.exp(volume(sampler, grid[:, None]))
    cumulative = np.cumsum(density) / density.sum()
    distance = stats.kstest(drawn, lambda v: np.interp(v, grid, cumulative)).statistic
    assert distance < 0.04
