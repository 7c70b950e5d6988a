"""Codes beside clusters, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import Clustered, CountedClusters

RNG = np.random.default_rng(0)
H = RNG.normal(size=(7, 2, 5)).astype("float32")
CENTRES = RNG.normal(size=(4, 3)).astype("float32")


def made(kind: type[Clustered]) -> Any:
    code = kind(3, 4)
    code.build((None, 2, 5))
    code.projection.set_weights([RNG.normal(size=(10, 3)), RNG.normal(size=3)])
    code.put(CENTRES, np.array([5.0, 1.0, 2.0, 30.0], "float32"))
    return code


def codes_of(code: Any) -> np.ndarray:
    kernel, bias = (w.astype("f8") for w in code.projection.get_weights())
    found: np.ndarray = H.reshape(7, 10) @ kernel + bias
    return found


def arrays(code: Any, training: bool = False) -> dict[str, np.ndarray]:
    return {k: ops.convert_to_numpy(v) for k, v in code(H, training=training).items()}


@pytest.mark.parametrize("training", [False, True])
def test_shares_are_a_students_t_of_the_distances(training: bool) -> None:
    """Xie et al. (2016), equation 1."""
    code = made(Clustered)
    z = codes_of(code)
    kernel = 1 / (1 + ((z[:, None] - CENTRES) ** 2).sum(-1))
    found = arrays(code, training)
    np.testing.assert_allclose(found["latent"], z, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["shares"], kernel / kernel.sum(1, keepdims=True), rtol=1e-3)


def test_a_counted_code_belongs_to_the_nearest_centre_as_it_was_before() -> None:
    code = made(CountedClusters)
    nearest = ((codes_of(code)[:, None] - CENTRES) ** 2).sum(-1).argmin(1)
    found = arrays(code, training=True)
    np.testing.assert_array_equal(found["shares"], np.eye(4)[nearest])
    np.testing.assert_allclose(found["centre"], CENTRES[nearest], rtol=1e-5)


def test_counted_centres_are_the_means_of_codes_so_far_one_after_the_other() -> None:
    """Yang et al. (2017), equation 8: mu <- mu - (mu - f(x)) / c with c counting this code too."""
    code = made(CountedClusters)
    z, centres, counts = codes_of(code), CENTRES.astype("f8"), np.array([5.0, 1.0, 2.0, 30.0])
    nearest = ((z[:, None] - centres) ** 2).sum(-1).argmin(1)
    for row, k in zip(z, nearest, strict=True):
        counts[k] += 1
        centres[k] -= (centres[k] - row) / counts[k]
    outputs = code(H)
    code.count(outputs["latent"], outputs["shares"])
    np.testing.assert_allclose(ops.convert_to_numpy(code.centres), centres, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(ops.convert_to_numpy(code.counts), counts)
    code.count(outputs["latent"], outputs["shares"], ops.zeros(7))
    np.testing.assert_array_equal(ops.convert_to_numpy(code.counts), counts)


@pytest.mark.parametrize("kind", [Clustered, CountedClusters])
def test_centres_start_in_the_middle_of_groups(kind: type[Clustered]) -> None:
    code = made(kind)
    groups = RNG.integers(4, size=400)
    middles = 10 * np.eye(4)[:, :3]
    codes = middles[groups] + 0.1 * RNG.normal(size=(400, 3))
    code.start_at(codes)
    centres = ops.convert_to_numpy(code.centres)
    apart = ((middles[:, None] - centres) ** 2).sum(-1)
    assert sorted(apart.argmin(1)) == [0, 1, 2, 3]
    assert apart.min(1).max() < 0.01


def test_there_must_be_a_row_for_each_cluster() -> None:
    with pytest.raises(ValueError, match=r"clusters=4 for 3 rows. Ask for fewer"):
        made(Clustered).start_at(np.zeros((3, 3)))


@pytest.mark.parametrize("clusters", [0, 2.5])
def test_clusters_are_counted(clusters: Any) -> None:
    with pytest.raises(ValueError, match="`clusters` must be"):
        Clustered(2, clusters)
