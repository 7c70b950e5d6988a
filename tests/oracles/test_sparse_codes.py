"""TopK, BatchTopK, JumpReLU and Gated against NumPy: forward passes and pseudo-derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from scipy import optimize

from keras_ae import bottlenecks
from tests.gradients import weight_gradients
from tests.oracles.sparse_numpy import (
    ATOMS,
    WIDTH,
    array,
    batch_top_k,
    close,
    pre,
    rows,
    top_k,
    weights,
)

pytestmark = pytest.mark.slow


def built(code, seed=0):
    code(np.zeros((2, WIDTH), "float32"))
    return code, weights(code, seed)


# TopK ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3, ATOMS])
@pytest.mark.parametrize("rectify", [True, False])
@pytest.mark.parametrize("centred", [True, False])
def test_top_k_is_equation_4_of_gao(k, rectify, centred):
    code, w = built(bottlenecks.TopK(ATOMS, k, rectify=rectify, centred=centred))
    x = rows(7)
    for training in (True, False):
        out = code(x, training=training)
        close(array(out["pre_activations"]), pre(w, x, centred))
        close(array(out["latent"]), top_k(pre(w, x, centred), k, rectify))


def test_makhzani_keeps_more_outside_of_training():
    code, w = built(bottlenecks.TopK(ATOMS, 2, inference_k=5, rectify=False))
    x = rows(7)
    close(array(code(x, training=True)["latent"]), top_k(pre(w, x), 2, False))
    close(array(code(x, training=False)["latent"]), top_k(pre(w, x), 5, False))


def test_top_k_of_equal_numbers_keeps_k():
    code, _w = built(bottlenecks.TopK(ATOMS, 3, rectify=False))
    code.kernel.assign(np.zeros((WIDTH, ATOMS)))
    code.bias.assign(np.r_[np.ones(6), np.zeros(ATOMS - 6)])
    for training in (True, False):
        z = array(code(rows(4), training=training)["latent"])
        assert (z != 0).sum(1).tolist() == [3, 3, 3, 3]


@pytest.mark.parametrize("training", [True, False])
def test_top_k_with_infinite_bias(training):
    # An atom that is switched off by -inf is never of the k largest; one of +inf is.
    code, w = built(bottlenecks.TopK(ATOMS, 3))
    code.bias.assign(np.r_[np.full(6, -1e30), w["c"][6:]])
    z = array(code(rows(4), training=training)["latent"])
    assert (z[:, :6] == 0).all()
    assert np.isfinite(z).all()


def test_gradient_of_top_k_is_that_of_what_is_kept():
    # Section 2.1 of Makhzani and Frey: errors pass to the k kept units only.
    code, w = built(bottlenecks.TopK(ATOMS, 3, rectify=False))
    x = rows(7)
    v = np.random.default_rng(5).normal(size=(7, ATOMS)).astype("float32")
    gw, gc, gb = weight_gradients(
        lambda: ops.sum(code(x, training=True)["latent"] * ops.convert_to_tensor(v)),
        [code.kernel, code.bias, code.dictionary.bias],
    )
    up = v * (top_k(pre(w, x), 3, False) != 0)
    close(gw, (x - w["b"]).T @ up)
    close(gc, up.sum(0))
    close(gb, -(up @ w["W"].T).sum(0))


# BatchTopK -------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 4, ATOMS])
def test_batch_top_k_is_equation_5(k):
    code, w = built(bottlenecks.BatchTopK(ATOMS, k))
    x = rows(9)
    z = array(code(x, training=True)["latent"])
    close(z, batch_top_k(pre(w, x), k))
    assert (z >= 0).all()


@pytest.mark.parametrize("k", [2, 6, ATOMS])
def test_threshold_is_the_mean_of_the_least_kept(k):
    # Equation 7: theta = E_X min {z_ij > 0}; here a moving average without the start's bias.
    code, w = built(bottlenecks.BatchTopK(ATOMS, k, decay=0.9))
    total = weight = 0.0
    for i in range(5):
        x = rows(6, seed=i)
        z = batch_top_k(pre(w, x), k)
        code(x, training=True)
        total = 0.9 * total + 0.1 * z[z > 0].min()
        weight = 0.9 * weight + 0.1
        close(array(code.threshold), total / weight)
    theta = total / weight
    x = rows(20, seed=50)
    p = pre(w, x)
    close(array(code(x, training=False)["latent"]), p * (p > theta))


def test_code_does_not_depend_on_the_batch_outside_of_training():
    code, _w = built(bottlenecks.BatchTopK(ATOMS, 2))
    code(rows(6), training=True)
    x = rows(20, seed=3)
    together = array(code(x)["latent"])
    before = float(array(code.threshold))
    apart = np.concatenate([array(code(x[i : i + 1])["latent"]) for i in range(20)])
    with_large = array(code(np.concatenate([x, 100 * x]))["latent"])[:20]
    close(apart, together)
    close(with_large, together)
    assert float(array(code.threshold)) == before


def test_batch_without_positive_numbers_leaves_the_threshold():
    # min over an empty set is no threshold: it stays finite, and what it was.
    code, _w = built(bottlenecks.BatchTopK(ATOMS, 2))
    code(rows(6), training=True)
    before = float(array(code.threshold))
    code.bias.assign(np.full(ATOMS, -1e3))
    z = array(code(rows(6), training=True)["latent"])
    assert (z == 0).all()
    close(array(code.threshold), before)


def test_batch_top_k_of_equal_numbers_keeps_no_more():
    code, _w = built(bottlenecks.BatchTopK(ATOMS, 2))
    code.kernel.assign(np.zeros((WIDTH, ATOMS)))
    code.bias.assign(np.ones(ATOMS))
    z = array(code(rows(5), training=True)["latent"])
    assert (z != 0).sum() == 10


# JumpReLU --------------------------------------------------------------------------------------


def jump(seed=0, bandwidth=0.8):
    code, w = built(bottlenecks.JumpReLU(ATOMS, threshold=0.3, bandwidth=bandwidth), seed)
    theta = np.random.default_rng(8).uniform(0.1, 0.9, ATOMS)
    code.log_threshold.assign(np.log(theta))
    return code, w, theta


def rectangle(u):
    return (np.abs(u) < 0.5).astype("float64")


def test_jump_relu_is_equation_5():
    code, w, theta = jump()
    x = rows(9)
    p = pre(w, x)
    out = code(x, training=True)
    close(array(code.threshold), theta)
    close(array(out["latent"]), p * (p > theta))
    close(array(out["active"]), (p > theta).astype(float))


def test_pseudo_derivatives_of_jump_relu_are_equation_11():
    code, w, theta = jump()
    x = rows(9)
    p = pre(w, x)
    v = np.random.default_rng(5).normal(size=p.shape).astype("float32")
    gt, gw, gc = weight_gradients(
        lambda: ops.sum(code(x, training=True)["latent"] * ops.convert_to_tensor(v)),
        [code.log_threshold, code.kernel, code.bias],
    )
    inside = rectangle((p - theta) / 0.8)
    assert 5 < inside.sum() < inside.size
    # d theta / d log theta = theta.
    close(gt, ((-theta / 0.8) * inside * v).sum(0) * theta)
    close(gw, (x - w["b"]).T @ (v * (p > theta)))
    close(gc, (v * (p > theta)).sum(0))


def test_pseudo_derivatives_of_l0_are_equation_12():
    code, w, theta = jump()
    x = rows(9)
    p = pre(w, x)
    v = np.random.default_rng(5).normal(size=p.shape).astype("float32")
    gt, gw, gc, gb = weight_gradients(
        lambda: ops.sum(code(x, training=True)["active"] * ops.convert_to_tensor(v)),
        [code.log_threshold, code.kernel, code.bias, code.dictionary.bias],
    )
    close(gt, ((-1 / 0.8) * rectangle((p - theta) / 0.8) * v).sum(0) * theta)
    # Appendix J: no straight-through estimator for the pre-activations.
    assert not gw.any()
    assert not gc.any()
    assert not gb.any()


# Gated -----------------------------------------------------------------------------------------


def gated(seed=0):
    code, w = built(bottlenecks.Gated(ATOMS), seed)
    rng = np.random.default_rng(9)
    w["r"], w["m"] = rng.normal(size=ATOMS) * 0.4, rng.normal(size=ATOMS) * 0.4
    code.log_scale.assign(w["r"])
    code.magnitude_bias.assign(w["m"])
    return code, w


def test_gated_is_equations_5_and_7():
    code, w = gated()
    x = rows(9)
    gate = pre(w, x)
    magnitude = (x - w["b"]) @ (w["W"] * np.exp(w["r"])) + w["m"]
    close(array(code(x)["latent"]), (gate > 0) * np.maximum(magnitude, 0))


def test_gates_have_no_gradient():
    # Section 3.2: through f~ the gate's bias gets none, magnitudes get theirs.
    code, w = gated()
    x = rows(9)
    v = np.random.default_rng(5).normal(size=(9, ATOMS)).astype("float32")
    gw, gc, gr, gm = weight_gradients(
        lambda: ops.sum(code(x, training=True)["latent"] * ops.convert_to_tensor(v)),
        [code.kernel, code.bias, code.log_scale, code.magnitude_bias],
    )
    magnitude = (x - w["b"]) @ (w["W"] * np.exp(w["r"])) + w["m"]
    up = v * ((pre(w, x) > 0) & (magnitude > 0))
    close(gc, np.zeros(ATOMS))
    close(gm, up.sum(0))
    close(gr, (up * (magnitude - w["m"])).sum(0))
    close(gw, (x - w["b"]).T @ (up * np.exp(w["r"])))


# The dictionary --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["TopK", "BatchTopK", "JumpReLU", "Gated"])
def test_the_start_is_the_transpose_of_the_atoms_at_the_geometric_median(kind):
    options = {"k": 3} if "TopK" in kind else {}
    code = getattr(bottlenecks, kind)(ATOMS, **options)
    code(np.zeros((2, WIDTH), "float32"))
    close(array(code.kernel), array(code.dictionary.atoms).T)
    close(np.linalg.norm(array(code.dictionary.atoms), axis=1), np.ones(ATOMS))
    x = rows(101) + np.float32(3)
    x[:10] += 50
    code.adapt(x)
    exact = x.astype("float64")
    least = optimize.minimize(
        lambda b: np.linalg.norm(exact - b, axis=1).sum(), np.median(exact, axis=0)
    )
    np.testing.assert_allclose(array(code.dictionary.bias), least.x, atol=2e-3)
