from __future__ import annotations

import numpy as np
from keras import ops
from scipy import special, stats

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
