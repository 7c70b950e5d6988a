from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy.optimize import minimize

from keras_ae.networks.dictionary import Dictionary, Directions, geometric_median
from tests.gradients import weight_gradients

RNG = np.random.default_rng(0)


def built(unit_norm: bool) -> Any:
    layer = Dictionary(6, unit_norm)
    layer.build(4)
    layer.vectors.assign(RNG.normal(size=(6, 4)) * np.arange(1, 7)[:, None])
    layer.bias.assign(RNG.normal(size=4))
    return layer


@pytest.mark.parametrize("unit_norm", [True, False])
def test_atoms_are_weighed_and_added_up(unit_norm: bool) -> None:
    layer, z = built(unit_norm), RNG.normal(size=(3, 6)).astype("f4")
    vectors = np.array(ops.convert_to_numpy(layer.vectors), "f8")
    atoms = vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if unit_norm else vectors
    bias = np.array(ops.convert_to_numpy(layer.bias), "f8")
    np.testing.assert_allclose(ops.convert_to_numpy(layer.atoms), atoms, rtol=1e-5)
    given = ops.convert_to_tensor(z)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(given)), z @ atoms + bias, rtol=1e-4)
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer.combined(given)), z @ atoms, rtol=1e-4, atol=1e-5
    )


def test_a_gradient_turns_an_atom_of_length_one_and_does_not_stretch_it() -> None:
    """Gao et al. (2024), appendix A.3: the part along the atom is taken off."""
    layer, z = built(True), RNG.normal(size=(3, 6)).astype("f4")
    target = RNG.normal(size=(3, 4)).astype("f4")

    def function() -> Any:
        return 0.5 * ops.sum(
            ops.square(layer(ops.convert_to_tensor(z)) - ops.convert_to_tensor(target))
        )

    (got,) = weight_gradients(function, [layer.vectors])
    atoms = np.array(ops.convert_to_numpy(layer.atoms), "f8")
    plain = -z.T.astype("f8") @ (target - ops.convert_to_numpy(layer(ops.convert_to_tensor(z))))
    along = (plain * atoms).sum(1, keepdims=True) * atoms
    lengths = np.linalg.norm(ops.convert_to_numpy(layer.vectors), axis=1, keepdims=True)
    np.testing.assert_allclose(got, (plain - along) / lengths, rtol=1e-3, atol=1e-4)


def test_directions_are_of_length_one_and_even() -> None:
    rows = np.array(ops.convert_to_numpy(Directions(seed=3)((4_000, 3))))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(rows.mean(0), 0.0, atol=0.04)
    np.testing.assert_allclose(rows.T @ rows / len(rows), np.eye(3) / 3, atol=0.02)


def test_an_atom_of_no_length_is_finite() -> None:
    layer = built(True)
    layer.vectors.assign(np.zeros((6, 4)))
    assert np.isfinite(ops.convert_to_numpy(layer.atoms)).all()


def test_the_median_has_the_least_sum_of_distances() -> None:
    rows = np.exp(RNG.normal(size=(101, 3)))

    def total(point: np.ndarray) -> float:
        return float(np.linalg.norm(rows - point, axis=1).sum())

    found = geometric_median(rows)
    exact = minimize(total, rows.mean(0), method="Nelder-Mead", options={"xatol": 1e-8}).x
    np.testing.assert_allclose(found, exact, rtol=1e-3)
    assert total(found) <= total(exact) * (1 + 1e-6)
    far = rows.copy()
    far[0] += 1e6
    np.testing.assert_allclose(geometric_median(far), found, rtol=0.1)  # an outlier moves it little
    np.testing.assert_allclose(geometric_median(np.ones((4, 2))), 1.0)
