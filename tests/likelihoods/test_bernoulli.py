from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from scipy import special

import keras_ae
from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import Bernoulli
from tests.gradients import gradient


def test_log_prob_is_the_cross_entropy_at_any_logit() -> None:
    logits = np.array([[-100.0, -5.0, 0.0, 3.0], [100.0, 5.0, -2.0, 1.0]], "float32")
    x = np.array([[1.0, 0.0, 1.0, 0.3], [0.0, 1.0, 0.2, 0.3]], "float32")
    got = ops.convert_to_numpy(Bernoulli().log_prob(logits, x))
    wanted = (x * special.log_expit(logits) + (1 - x) * special.log_expit(-logits)).sum(1)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_the_gradient_is_the_error_of_the_probability() -> None:
    logits = np.array([[-100.0, -1.0, 0.5, 100.0]], "float32")
    x = np.array([[0.0, 1.0, 0.2, 0.0]], "float32")
    got = gradient(lambda v: ops.sum(Bernoulli().log_prob(v, x)), logits)
    np.testing.assert_allclose(got, x - special.expit(logits), rtol=1e-5, atol=1e-6)


def test_the_mean_is_the_probability_and_draws_follow_it() -> None:
    logits = np.full((1, 20_000), 1.0, "float32")
    likelihood = Bernoulli()
    np.testing.assert_allclose(
        ops.convert_to_numpy(likelihood.mean(logits))[0, 0], special.expit(1.0), rtol=1e-6
    )
    drawn = ops.convert_to_numpy(likelihood.sample(logits, Noise()))
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert abs(drawn.mean() - special.expit(1.0)) < 0.02


def test_data_must_lie_in_the_unit_interval() -> None:
    model = keras_ae.create("vae", input_shape=(2,), latent_dim=1, likelihood="bernoulli")
    model.compile("adam")
    for method in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=r"lie in \[0, 1\]. Received: values from -1 to 255"):
            method(np.array([[0.5, -1.0], [255.0, 0.0]]), verbose=0)
    with pytest.raises(ValueError, match="Use `normalize='minmax'`"):
        keras_ae.create("vae", input_shape=(2,), likelihood="bernoulli", normalize="standard")
    scaled = keras_ae.create("vae", input_shape=(2,), likelihood="bernoulli", normalize="minmax")
    scaled.compile("adam")
    scaled.fit(np.array([[0.5, -1.0], [255.0, 0.0]]), verbose=0)


def test_rows_beyond_the_range_of_the_training_data_are_less_likely() -> None:
    model = keras_ae.create(
        "vae", input_shape=(2,), latent_dim=1, likelihood="bernoulli", normalize="minmax"
    )
    model.adapt(np.array([[0.0, 0.0], [10.0, 10.0]]))
    rows = np.array([[10.0, 10.0], [10.0, 20.0], [10.0, 90.0], [-10.0, 10.0]])
    within, near, far, below = model.log_prob(rows, 4)
    assert within > near + 900 > near > far + 6_000
    assert within > below + 900
    scores = model.score(rows)
    assert scores[0] < scores[1] < scores[2]
