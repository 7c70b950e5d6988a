from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from scipy import special, stats
from sklearn import mixture

from keras_ae.priors import GaussianMixture

RNG = np.random.default_rng(0)


def test_log_prob_is_that_of_the_mixture_in_scipy() -> None:
    prior = GaussianMixture(4)
    prior.make_weights((3,), (8,))
    logits, means, log_vars = (RNG.normal(size=s).astype("f4") for s in ((4,), (4, 3), (4, 3)))
    for weight, value in ((prior.logits, logits), (prior.means, means), (prior.log_vars, log_vars)):
        weight.assign(value)
    z = RNG.normal(size=(7, 3)).astype("float32")
    each = stats.norm.logpdf(z[:, None], means, np.exp(log_vars / 2)).sum(-1)
    joint = each + special.log_softmax(logits)
    np.testing.assert_allclose(
        ops.convert_to_numpy(prior.joint_log_prob(z)), joint, rtol=1e-5, atol=1e-5
    )
    wanted = special.logsumexp(joint, axis=1)
    np.testing.assert_allclose(ops.convert_to_numpy(prior.log_prob(z)), wanted, rtol=1e-5)


def groups(rows: int = 300) -> np.ndarray:
    """Codes around three centres, of different spreads and numbers."""
    centres = np.array([[-4.0, 0.0], [3.0, 3.0], [2.0, -5.0]])
    chosen = RNG.choice(3, p=[0.5, 0.3, 0.2], size=rows)
    spread = np.array([[0.3, 1.0], [0.8, 0.2], [0.5, 0.5]])
    return (centres[chosen] + spread[chosen] * RNG.normal(size=(rows, 2))).astype("float32")


def test_it_starts_as_the_mixture_that_scikit_learn_fits() -> None:
    codes = groups()
    prior = GaussianMixture(3)
    prior.make_weights((2,), (8,))
    before = ops.convert_to_numpy(prior.log_prob(codes)).mean()
    prior.start(codes, seed=3)
    fitted = mixture.GaussianMixture(3, covariance_type="diag", random_state=3)
    fitted.fit(codes.astype("f8"))
    points = np.concatenate([codes[:40], 4 * RNG.normal(size=(40, 2)).astype("float32")])
    wanted = fitted.score_samples(points.astype("f8"))
    np.testing.assert_allclose(ops.convert_to_numpy(prior.log_prob(points)), wanted, rtol=1e-4)
    assert wanted[:40].mean() > before + 1
    joint = ops.convert_to_numpy(prior.joint_log_prob(points)).astype("f8")
    found = special.softmax(joint, axis=1)
    np.testing.assert_allclose(found, fitted.predict_proba(points.astype("f8")), atol=1e-4)


def test_it_starts_from_codes_of_several_axes() -> None:
    codes = RNG.normal(size=(50, 2, 3)).astype("float32")
    prior = GaussianMixture(2)
    prior.make_weights((2, 3), (8,))
    prior.start(codes, seed=0)
    fitted = mixture.GaussianMixture(2, covariance_type="diag", random_state=0)
    flat = codes.reshape(50, 6).astype("f8")
    wanted = fitted.fit(flat).score_samples(flat)
    np.testing.assert_allclose(ops.convert_to_numpy(prior.log_prob(codes)), wanted, rtol=1e-4)


def test_a_start_repeats_with_its_seed() -> None:
    codes, found = groups(), []
    for _ in range(2):
        prior = GaussianMixture(3)
        prior.make_weights((2,), (8,))
        prior.start(codes, seed=7)
        found.append(ops.convert_to_numpy(prior.means))
    np.testing.assert_array_equal(*found)


def test_a_start_from_fewer_codes_than_components_is_refused() -> None:
    prior = GaussianMixture(5)
    prior.make_weights((2,), (8,))
    with pytest.raises(ValueError, match="a mixture of 5 components must .* Received: 4"):
        prior.start(groups(4))
