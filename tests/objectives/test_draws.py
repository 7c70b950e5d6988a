"""Many draws for each row, beside NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops
from scipy import stats

import keras_ae
from keras_ae.objectives import draws

X = np.random.default_rng(0).random((5, 6)).astype("f4")


def model_and_draws(samples: int) -> tuple[Any, draws.Draws]:
    model = keras_ae.create("vae", input_shape=(6,), latent_dim=2, hidden=[4])
    parameters = {key: ops.convert_to_tensor(v) for key, v in model.posterior(X).items()}
    return model, draws.drawn(model, model.batch(ops.convert_to_tensor(X)), parameters, samples)


def test_each_rows_draws_follow_one_another_with_its_row() -> None:
    model, (outputs, batch) = model_and_draws(3)
    np.testing.assert_array_equal(ops.convert_to_numpy(batch.x), X.repeat(3, axis=0))
    mean = ops.convert_to_numpy(outputs["mean"])
    np.testing.assert_array_equal(mean, model.posterior(X)["mean"].repeat(3, axis=0))
    assert len(np.unique(ops.convert_to_numpy(outputs["latent"]), axis=0)) == 15


def test_densities_are_those_of_draws_and_their_rows() -> None:
    model, (outputs, batch) = model_and_draws(3)
    z = ops.convert_to_numpy(outputs["latent"]).astype("f8")
    decoded = model.decode(z.astype("f4")).astype("f8")
    likelihood = stats.norm.logpdf(X.repeat(3, axis=0), decoded).sum(1).reshape(5, 3)
    found = draws.log_likelihood(model, model.decoded_tensor(outputs["latent"]), batch, 3)
    np.testing.assert_allclose(ops.convert_to_numpy(found), likelihood, rtol=1e-5)
    mean, log_var = (ops.convert_to_numpy(outputs[k]).astype("f8") for k in ("mean", "log_var"))
    posterior = stats.norm.logpdf(z, mean, np.exp(0.5 * log_var)).sum(1)
    rate = (posterior - stats.norm.logpdf(z).sum(1)).reshape(5, 3)
    found = ops.convert_to_numpy(draws.rate(model, outputs, batch, 3))
    np.testing.assert_allclose(found, rate, rtol=1e-5, atol=1e-5)
