from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats

import keras_ae
from keras_ae import likelihoods
from keras_ae.networks.patches import Patches
from keras_ae.objectives import HiddenReconstruction
from keras_ae.typing import Batch

RNG = np.random.default_rng(0)
X, MADE = RNG.normal(size=(2, 5, 6)).astype("f4")
HIDDEN = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 1], [1, 0, 0]], "f4")


def value(term: Any, mask: np.ndarray | None = None) -> np.ndarray:
    model = SimpleNamespace(patches=Patches((6,), 2), likelihood=likelihoods.get("gaussian"))
    x = ops.convert_to_tensor(X)
    seen = None if mask is None else ops.convert_to_tensor(mask)
    outputs = {"decoded": ops.convert_to_tensor(MADE), "hidden": ops.convert_to_tensor(HIDDEN)}
    return np.array(ops.convert_to_numpy(term.value(model, Batch(x, x, None, seen), outputs, True)))


@pytest.mark.parametrize("visible", [0.0, 0.3])
def test_hidden_patches_cost_and_others_by_their_weight(visible: float) -> None:
    each = -stats.norm(MADE, 1.0).logpdf(X)
    weight = np.where(HIDDEN > 0, 1.0, visible).repeat(2, axis=1)
    np.testing.assert_allclose(
        value(HiddenReconstruction(visible=visible)), (weight * each).sum(1), rtol=1e-5
    )


def test_errors_are_in_units_of_the_true_patchs_deviation() -> None:
    """He et al. (2022), section 3; the variance is the unbiased one."""
    deviation = np.sqrt(X.reshape(5, 3, 2).var(-1, ddof=1) + 1e-6).repeat(2, axis=1)
    each = -stats.norm(MADE / deviation, 1.0).logpdf(X / deviation)
    got = value(HiddenReconstruction(normalize_targets=True))
    np.testing.assert_allclose(got, (HIDDEN.repeat(2, axis=1) * each).sum(1), rtol=1e-4)


def test_entries_that_are_missing_have_no_part() -> None:
    mask = (RNG.random(X.shape) < 0.6).astype("f4")
    each = -stats.norm(MADE, 1.0).logpdf(X)
    wanted = (HIDDEN.repeat(2, axis=1) * mask * each).sum(1)
    np.testing.assert_allclose(value(HiddenReconstruction(), mask), wanted, rtol=1e-5)


def test_targets_of_another_likelihood_are_not_normalised() -> None:
    with pytest.raises(ValueError, match="need the likelihood 'gaussian'"):
        keras_ae.create(
            "masked_autoencoder",
            input_shape=(4, 4, 1),
            patch_size=2,
            likelihood="bernoulli",
            normalize_targets=True,
        )
