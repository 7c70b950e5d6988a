from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from scipy import special, stats

import keras_ae
from keras_ae.objectives import KLSparsity, L1Sparsity
from keras_ae.typing import Batch

CODES = np.random.default_rng(0).random((6, 4)).astype("float32")
BATCH = Batch(CODES, CODES)


def test_l1_is_the_sum_of_absolute_values() -> None:
    outputs = {"latent": ops.convert_to_tensor(CODES - 0.5)}
    got = ops.convert_to_numpy(L1Sparsity().value(None, BATCH, outputs, False))
    np.testing.assert_allclose(got, abs(CODES - 0.5).sum(1), rtol=1e-5)


def test_l1_of_half_precision_codes_is_summed_in_float32() -> None:
    outputs = {"latent": ops.convert_to_tensor(np.full((2, 1000), -100.0, "float16"))}
    got = ops.convert_to_numpy(L1Sparsity().value(None, BATCH, outputs, False))
    np.testing.assert_allclose(got, [1e5, 1e5])


def test_kl_compares_the_units_means_with_the_target() -> None:
    outputs = {"latent": ops.convert_to_tensor(CODES)}
    got = ops.convert_to_numpy(KLSparsity(1.0, 0.1).value(None, BATCH, outputs, False))
    mean = CODES.astype("f8").mean(0)
    wanted = (special.rel_entr(0.1, mean) + special.rel_entr(0.9, 1 - mean)).sum()
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_kl_is_zero_at_the_target_and_finite_for_units_that_never_move() -> None:
    for codes, wanted in ((np.full((3, 2), 0.1), 0.0), (np.zeros((3, 2)), None)):
        outputs = {"latent": ops.convert_to_tensor(codes.astype("float32"))}
        got = float(ops.convert_to_numpy(KLSparsity(1.0, 0.1).value(None, BATCH, outputs, False)))
        assert np.isfinite(got)
        assert wanted is None or abs(got - wanted) < 1e-6


def test_the_variant_with_kl_minimises_the_papers_objective() -> None:
    model = keras_ae.create(
        "sparse_autoencoder", input_shape=(4,), latent_dim=5, penalty="kl", sparsity=2.0, target=0.1
    )
    model.compile("adam")
    logs = model.evaluate(CODES, batch_size=len(CODES), verbose=0, return_dict=True)
    mean = model.encode(CODES).astype("f8").mean(0)
    kl = (special.rel_entr(0.1, mean) + special.rel_entr(0.9, 1 - mean)).sum()
    distortion = -stats.norm.logpdf(CODES, model.predict(CODES)).sum(1).mean()
    assert logs["loss"] == pytest.approx(distortion + 2.0 * kl, rel=1e-5)


def test_an_impossible_target_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`target` must be in \(0, 1\)"):
        KLSparsity(1.0, 1.5)
    with pytest.raises(ValueError, match=r"`target` must be in \(0, 1\)"):
        KLSparsity(1.0, "x")  # type: ignore[arg-type]
