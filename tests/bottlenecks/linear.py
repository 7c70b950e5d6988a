"""A linear model with normal noise, whose log p(x) and posterior are known."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops
from scipy import stats

import keras_ae
from keras_ae.objectives import KLDivergence, Reconstruction, draws

SIZE, LATENT, SCALE = 3, 2, 0.7
RNG = np.random.default_rng(4)
MAP = RNG.normal(size=(LATENT, SIZE))
SHIFT = RNG.normal(size=SIZE)
X = RNG.normal(size=(4, SIZE)).astype("float32")


def linear_model(bottleneck: Any, off: float = 0.1) -> Any:
    """Return x = z MAP + SHIFT + SCALE noise with a z_0 that is off by so much and too narrow."""
    model = keras_ae.LatentModel(
        (SIZE,),
        bottleneck=bottleneck,
        objective=[Reconstruction(), KLDivergence()],
        likelihood={"name": "gaussian", "scale": SCALE},
        prior="standard_normal",
        hidden=[],
    )
    model.decoder.set_weights([MAP, SHIFT])
    covariance = np.linalg.inv(np.eye(LATENT) + MAP @ MAP.T / SCALE**2)
    gain = MAP.T @ covariance / SCALE**2
    code = model.bottleneck
    code.mean_head.set_weights([0.9 * gain, off - SHIFT @ gain])
    log_var = np.log(0.8 * np.diag(covariance))
    code.log_var_head.set_weights([np.zeros((SIZE, LATENT)), log_var])
    return model


def log_evidence() -> np.ndarray:
    """Return log p(x) of the rows."""
    covariance = MAP.T @ MAP + SCALE**2 * np.eye(SIZE)
    return np.asarray(stats.multivariate_normal(SHIFT, covariance).logpdf(X.astype("f8")))


def log_weights(model: Any, samples: int) -> np.ndarray:
    """Return log p(x, z_K) - log q of draws, `(rows, samples)`."""
    model.bottleneck.noise.reset_evaluation(3)
    batch = model.batch(X)
    many = draws.drawn(model, batch, model.posterior_tensor(X), samples)
    decoded = model.decoded_tensor(many.outputs["latent"])
    likelihood = draws.log_likelihood(model, decoded, many.batch, samples)
    found = likelihood - draws.rate(model, many.outputs, many.batch, samples)
    return ops.convert_to_numpy(found).astype("float64")


def assert_unbiased(model: Any, samples: int) -> None:
    """Check that weights have the mean p(x), and that their logarithms are below it."""
    ratio = np.exp(log_weights(model, samples) - log_evidence()[:, None])
    error = ratio.std(axis=1) / np.sqrt(samples)
    assert (error < 0.05).all()
    assert (np.abs(ratio.mean(axis=1) - 1) < 4 * error).all()
    assert (np.log(ratio).mean(axis=1) < 0).all()
