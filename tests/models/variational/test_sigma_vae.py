from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

import keras_ae

X = np.random.default_rng(0).normal(size=(9, 6)).astype("float32")


def test_a_batch_in_training_is_at_its_own_best_variance() -> None:
    """At the least of -log N(x; mu, sigma^2): D/2 (log(2 pi MSE) + 1) nats on average."""
    model: Any = keras_ae.create("sigma_vae", input_shape=(6,), latent_dim=2, hidden=[4])
    batch = ops.convert_to_tensor(X)
    outputs = model.autoencode(model.batch(batch), training=True, sample=True)
    error = (X - ops.convert_to_numpy(outputs["reconstruction"]).astype("f8")) ** 2
    terms = model.terms(batch, None, outputs, training=True)
    wanted = 3 * (np.log(2 * np.pi * error.mean()) + 1)
    assert float(ops.convert_to_numpy(terms["reconstruction"])) == pytest.approx(wanted, rel=1e-5)
