from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import TopDownGaussian
from keras_ae.bottlenecks.top_down.residual import _doubled, _halved

RNG = np.random.default_rng(0)


def built(latent_dim: int = 2, blocks: Any = (1, 2), shape: Any = (6, 5, 3), **options: Any) -> Any:
    code = TopDownGaussian(latent_dim, blocks, **{"width": 4, **options})
    code.build((None, *shape))
    return code


def array(value: Any) -> np.ndarray:
    return np.array(ops.convert_to_numpy(value))


def test_priors_begin_near_a_standard_normal_and_add_nothing() -> None:
    code = built()
    state = code.first_state(ops.ones((3, 1)))
    for level in range(3):
        prior, after = code.prior(level, state)
        assert not array(prior.mean).any()
        np.testing.assert_allclose(np.exp(0.5 * array(prior.log_var)), 1.01, rtol=1e-5)
        assert not array(after).any()
        state = after


@pytest.mark.parametrize("size", [1e3, -1e3])
def test_no_mean_or_deviation_runs_away(size: float) -> None:
    """NVAE's bounds: 5 tanh(x / 5), and a deviation of 0.01 at least."""
    code = built()
    for level in code.levels:
        for network in (level.prior, level.posterior):
            network.layers[-1].bias.assign(np.full(network.layers[-1].bias.shape, size))
    outputs = code(ops.convert_to_tensor(RNG.normal(size=(3, 6, 5, 3)).astype("f4")), sample=True)
    log_var, mean = array(outputs["log_var"]), array(outputs["mean"])
    assert np.isfinite(array(outputs["latent"])).all()
    assert abs(mean).max() == pytest.approx(5.0, rel=1e-4)
    deviation, (least, most) = np.exp(0.5 * log_var), np.exp([-5.0, 5.0]) + 0.01
    assert deviation.min() >= least * (1 - 1e-4)
    assert deviation.max() <= most * (1 + 1e-4)
    assert (deviation > 0.9 * most).any() or (deviation < 1.1 * least).any()


def test_residuals_begin_smaller_the_more_levels_there_are() -> None:
    few, many = (built(32, blocks=(count,), width=64) for count in (2, 8))
    spreads = []
    for code in (few, many):
        level = code.levels[0]
        spreads.append(
            [array(kernel).std() for kernel in (level.embed.kernel, level.go_on.layers[-1].kernel)]
        )
    np.testing.assert_allclose(np.divide(*spreads), 2.0, rtol=0.15)


def test_resolutions_are_the_features_and_halves_rounded_up() -> None:
    code = built(blocks=(1, 1, 2), shape=(9, 6, 3))
    assert code.shapes == [(3, 2, 2), (5, 3, 2), (9, 6, 2), (9, 6, 2)]
    assert array(code(ops.ones((2, 9, 6, 3)))["state"]).shape == (2, 9, 6, 4)


def test_series_and_volumes_have_levels_too() -> None:
    for shape in ((12, 3), (4, 4, 2, 1)):
        code = built(shape=shape)
        assert array(code(ops.ones((2, *shape)))["state"]).shape == (2, *shape[:-1], 4)


def test_maps_are_halved_by_means_and_doubled_by_repeating() -> None:
    x = RNG.normal(size=(2, 5, 4, 1)).astype("f4")
    small = array(_halved(ops.convert_to_tensor(x), (3, 2)))
    padded = np.concatenate([x, x[:, -1:]], axis=1)
    np.testing.assert_allclose(small, padded.reshape(2, 3, 2, 2, 2, 1).mean((2, 4)), rtol=1e-5)
    large = array(_doubled(ops.convert_to_tensor(small), (5, 4)))
    np.testing.assert_array_equal(large, small.repeat(2, 1).repeat(2, 2)[:, :5])
    np.testing.assert_array_equal(array(_doubled(ops.convert_to_tensor(x), (5, 4))), x)


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="one resolution or more"):
        TopDownGaussian(2, blocks=[])
    with pytest.raises((TypeError, ValueError), match="`blocks`"):
        TopDownGaussian(2, blocks=[1, 0])
    with pytest.raises(ValueError, match="1 to 3 spatial axes"):
        TopDownGaussian(2).build((None, 5))
