from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import LadderGaussian
from keras_ae.bottlenecks.top_down.levelled import Normal

RNG = np.random.default_rng(0)


def tensor(values: np.ndarray) -> object:
    return ops.convert_to_tensor(values.astype("f4"))


def test_posteriors_weigh_data_and_prior_by_their_precisions() -> None:
    """Sonderby et al. (2016), equations 17 to 19, in units of the prior."""
    code = LadderGaussian([2, 3], hidden=4)
    code.build((None, 5))
    mean, log_var, of_mean, of_log_var = RNG.normal(size=(4, 6, 3))
    prior = Normal(tensor(of_mean), tensor(of_log_var))
    seen = tensor(np.concatenate([mean, log_var], axis=1))
    got = code.posterior(1, tensor(np.zeros((6, 2))), seen, prior)
    var, of_var = np.exp(log_var), np.exp(of_log_var)
    wanted_var = 1 / (1 / var + 1 / of_var)
    wanted = wanted_var * (mean / var + of_mean / of_var)
    got_mean, got_log_var = map(ops.convert_to_numpy, got)
    np.testing.assert_allclose(got_mean, (wanted - of_mean) / np.sqrt(of_var), rtol=1e-4)
    np.testing.assert_allclose(got_log_var, np.log(wanted_var / of_var), rtol=1e-4)


def test_the_top_level_has_what_the_data_say_and_a_standard_normal_prior() -> None:
    code = LadderGaussian([2, 3], hidden=4)
    code.build((None, 5))
    prior, _ = code.prior(0, code.first_state(tensor(np.ones((6, 5)))))
    assert not ops.convert_to_numpy(prior.mean).any()
    assert not ops.convert_to_numpy(prior.log_var).any()
    seen = RNG.normal(size=(6, 4))
    got = code.posterior(0, tensor(np.zeros((6, 0))), tensor(seen), prior)
    np.testing.assert_allclose(
        np.concatenate(list(map(ops.convert_to_numpy, got)), axis=1), seen, rtol=1e-5
    )


def test_impossible_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="one level or more"):
        LadderGaussian([])
    with pytest.raises((TypeError, ValueError), match="`latent_dims`"):
        LadderGaussian([2, 0])
