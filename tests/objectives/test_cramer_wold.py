"""The Cramer-Wold distance beside its formula, its definition and two normals."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats
from scipy.special import hyp1f1

import keras_ae
from keras_ae.bottlenecks import Deterministic
from keras_ae.objectives import CramerWold, Reconstruction
from keras_ae.objectives.cramer_wold import phi, squared_cramer_wold
from keras_ae.priors import StandardNormal
from keras_ae.typing import Batch
from tests.gradients import gradient

RNG = np.random.default_rng(0)


def exact(s: Any, d: int) -> Any:
    """Knop et al. (2020), theorem 2: the mean of exp(-s v_1^2) over the sphere."""
    return hyp1f1(0.5, d / 2, -np.asarray(s, "f8"))


def by_loops(z: np.ndarray) -> float:
    """Knop et al. (2020), theorem 3, with the exact function of the dimension."""
    z, (n, d) = z.astype("f8"), z.shape
    gamma = (4 / (3 * n)) ** 0.4
    pairs = sum(exact(((a - b) ** 2).sum() / (4 * gamma), d) for a in z for b in z)
    singles = sum(exact((a @ a) / (2 + 4 * gamma), d) for a in z)
    total = n**2 / np.sqrt(1 + gamma) + pairs / np.sqrt(gamma)
    total -= 2 * n * singles / np.sqrt(gamma + 0.5)
    return float(total / (2 * n**2 * np.sqrt(np.pi)))


def found(codes: np.ndarray) -> float:
    value = squared_cramer_wold(ops.convert_to_tensor(codes.astype("float32")))
    assert tuple(value.shape) == ()
    return float(ops.convert_to_numpy(value))


@pytest.mark.parametrize("d", [2, 3, 4, 16, 100, 300])
def test_the_function_of_the_dimension_is_scipys_near_and_far(d: int) -> None:
    ends = [299.9, 300.1, 4 * d - 0.1, 4 * d + 0.1]
    s = np.array([0, 1e-3, 0.1, 1, 5, 30, 100, *ends, 2_000, 1e4, 1e7], "float32")
    got = ops.convert_to_numpy(phi(ops.convert_to_tensor(s), d))
    np.testing.assert_allclose(got, exact(s, d), rtol=5e-6)
    s = s[:-1]  # SciPy has no number for the derivative there
    slope = gradient(lambda a: ops.sum(phi(a, d)), s)
    wanted = -1 / d * hyp1f1(1.5, d / 2 + 1, -s.astype("f8"))
    np.testing.assert_allclose(slope, wanted, rtol=2e-4)


@pytest.mark.parametrize("d", [2, 3, 16, 32])
@pytest.mark.parametrize("n", [1, 2, 9])
def test_it_is_theorem_3(d: int, n: int) -> None:
    for z in (RNG.normal(0.5, 1.3, size=(n, d)), np.full((n, d), 2.0)):
        assert found(z) == pytest.approx(by_loops(z), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("d", [2, 24])
@pytest.mark.parametrize("shift", [0.0, 0.5, 3.0])
def test_it_is_the_mean_squared_distance_of_smoothed_projections(shift: float, d: int) -> None:
    """Knop et al. (2020), equation 7, integrated on a grid for random directions."""
    n = 8
    z = RNG.normal(shift, 1.0, size=(n, d)).astype("float32")
    gamma, rng = (4 / (3 * n)) ** 0.4, np.random.default_rng(1)
    grid = np.linspace(-25, 25, 1001)
    each = []
    for direction in rng.normal(size=(500, d)):
        projected = z @ (direction / np.linalg.norm(direction))
        codes = stats.norm.pdf(grid[:, None], projected, np.sqrt(gamma)).mean(1)
        normal = stats.norm.pdf(grid, 0, np.sqrt(1 + gamma))
        each.append(((codes - normal) ** 2).sum() * (grid[1] - grid[0]))
    assert abs(found(z) - np.mean(each)) < 4 * np.std(each) / np.sqrt(500)


@pytest.mark.parametrize(("mean", "scale"), [(0.6, 1.0), (0.0, 0.4), (0.3, 2.0)])
def test_between_normals_it_is_known(mean: float, scale: float) -> None:
    """The mean over batches of n codes of N(m, s^2 I); a pair of one code with itself is 0 apart.

    Integrals of products of normals of variances s^2 + gamma and 1 + gamma are normal densities.
    """
    n, d, rng = 1200, 24, np.random.default_rng(5)
    gamma = (4 / (3 * n)) ** 0.4
    own = (1 - 1 / n) / np.sqrt(scale**2 + gamma) + 1 / (n * np.sqrt(gamma))
    both = scale**2 + 1 + 2 * gamma
    between = exact(d * mean**2 / (2 * both), d) / np.sqrt(both / 2)
    wanted = (own + 1 / np.sqrt(1 + gamma) - 2 * between) / (2 * np.sqrt(np.pi))
    got = found(rng.normal(mean, scale, size=(n, d)))
    assert wanted > 0.03
    assert got == pytest.approx(wanted, rel=0.1, abs=0.005)


@pytest.mark.parametrize("d", [2, 3, 4, 8, 20])
def test_codes_of_the_prior_are_the_nearest(d: int) -> None:
    """Of all widths of normal codes: what the distance is for."""
    z = np.random.default_rng(1).normal(size=(300, d))
    z = (z - z.mean(0)) / z.std(0)
    scales = [0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5]
    assert scales[int(np.argmin([found(scale * z) for scale in scales]))] == 1.0


@pytest.mark.parametrize("d", [2, 3, 4])
def test_in_few_dimensions_it_is_the_definitions(d: int) -> None:
    """Codes of the prior are less than a twentieth as far as those moved by 1."""
    z = np.random.default_rng(1).normal(size=(400, d))
    assert found(z) < 0.05 * found(z + 1.0)


def test_codes_of_the_prior_are_near() -> None:
    z = RNG.normal(size=(1000, 32))
    assert 0 < found(z) < 0.005
    assert found(z + 0.5) > 0.03


@pytest.mark.parametrize("d", [2, 12])
def test_its_gradient_is_finite_where_codes_meet_and_at_the_origin(d: int) -> None:
    z = RNG.normal(0.4, size=(6, d)).astype("float32")
    z[1], z[2] = z[0], 0.0
    slope = gradient(squared_cramer_wold, z)
    assert np.isfinite(slope).all()
    wanted = np.zeros_like(z, "f8")
    for at in np.ndindex(*z.shape):
        ends = []
        for sign in (1, -1):
            moved = z.astype("f8")
            moved[at] += sign * 1e-5
            ends.append(by_loops(moved))
        wanted[at] = (ends[0] - ends[1]) / 2e-5
    np.testing.assert_allclose(slope, wanted, atol=1e-5)
    assert abs(wanted).max() > 1e-3


# The term.


@pytest.mark.parametrize("shape", [(40, 5), (1, 5), (300, 2)])
def test_the_term_is_its_logarithm(shape: tuple[int, int]) -> None:
    codes, term = RNG.normal(size=shape).astype("float32"), CramerWold()
    model = SimpleNamespace(bottleneck=Deterministic(shape[1]), prior=StandardNormal())
    outputs = {"latent": ops.convert_to_tensor(codes)}
    got = ops.convert_to_numpy(term.value(model, Batch(codes, codes), outputs, False))
    assert term.name == "cramer_wold"
    assert got.shape == ()
    assert got == pytest.approx(np.log(found(codes)), rel=1e-4)


def build(latent_dim: int, prior: Any) -> Any:
    return keras_ae.LatentModel(
        (6,),
        bottleneck=Deterministic(latent_dim),
        objective=[Reconstruction(), CramerWold()],
        prior=prior,
        hidden=[4],
    )


def test_its_model_has_a_standard_normal_and_codes_of_more_than_a_number() -> None:
    assert build(2, "standard_normal").objective[1].of_batch
    for latent_dim, prior in ((2, "gaussian_mixture"), (2, None), (1, "standard_normal")):
        with pytest.raises(ValueError, match=r"Received: "):
            build(latent_dim, prior)


def test_codes_from_far_away_have_a_gradient() -> None:
    far = RNG.normal(size=(16, 4)).astype("float32") * 1e4
    assert np.isfinite(gradient(squared_cramer_wold, far)).all()
