"""The objectives of sparse autoencoders, term by term, with their gradients, against NumPy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae import models, objectives
from tests.gradients import weight_gradients
from tests.oracles.sparse_numpy import (
    ATOMS,
    WIDTH,
    array,
    batch_top_k,
    close,
    gaussian,
    half_square,
    pre,
    rows,
    term,
    top_k,
    weights,
)

pytestmark = pytest.mark.slow


K = 3


def made(kind: str, seed: int = 0, **options: Any) -> tuple[Any, dict[str, np.ndarray]]:
    model = getattr(models, kind)((WIDTH,), latent_dim=ATOMS, **options)
    return model, weights(model.bottleneck, seed)


def trained(model: Any, x: np.ndarray, y: Any = None) -> float:
    """Return the loss of one batch in training mode."""
    model.compile("sgd")
    x = ops.convert_to_tensor(x)
    outputs = model(x, training=True)
    return float(array(model.compute_loss(x, y, outputs, training=True)))


def slope(model: Any, kind: type, x: np.ndarray, variables: list[Any], **options: Any) -> Any:
    """Return the gradient of the sum of a term over rows."""
    return weight_gradients(lambda: ops.sum(term(model, x, kind, **options)), variables)


# Reconstruction and unit norm ------------------------------------------------------------------


def test_distortion_of_top_k_is_half_the_squared_error():
    model, w = made("TopKSAE", k=K)
    x = rows(8)
    z = top_k(pre(w, x), K)
    close(array(term(model, x, objectives.Reconstruction)), gaussian(x - z @ w["D"] - w["b"]))
    close(model.reconstruct(x), z @ w["D"] + w["b"])
    close(model.decode(model.encode(x)), z @ w["D"] + w["b"])


def test_gradient_of_an_atom_is_orthogonal_to_it():
    # Gao et al., appendix A: the part of a gradient along an atom is taken off; dividing by the
    # length does that, and divides by the length.
    model, w = made("TopKSAE", k=K)
    raw = array(model.bottleneck.dictionary.weights[0])
    x = rows(8)
    z = top_k(pre(w, x), K)
    e = x - z @ w["D"] - w["b"]
    (g,) = slope(model, objectives.Reconstruction, x, [model.bottleneck.dictionary.weights[0]])
    close((g * raw).sum(1), np.zeros(ATOMS))
    plain = -z.T @ e
    close(
        g,
        (plain - (plain * w["D"]).sum(1, keepdims=True) * w["D"])
        / np.linalg.norm(raw, axis=1, keepdims=True),
    )


def test_gradients_of_the_biases_and_the_encoder():
    model, w = made("TopKSAE", k=K)
    x = rows(8)
    p = pre(w, x)
    z = top_k(p, K)
    e = x - z @ w["D"] - w["b"]
    code = model.bottleneck
    gw, gc, gb = slope(
        model, objectives.Reconstruction, x, [code.kernel, code.bias, code.dictionary.bias]
    )
    up = -(e @ w["D"].T) * (z > 0)
    close(gw, (x - w["b"]).T @ up)
    close(gc, up.sum(0))
    # b is both what is added and what is taken off before.
    close(gb, -e.sum(0) - (up @ w["W"].T).sum(0))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_atoms_stay_of_length_one_in_training(optimizer):
    model, _ = made("TopKSAE", k=K)
    model.compile(keras.optimizers.get(optimizer))
    model.fit(rows(64), epochs=2, batch_size=16, verbose=0)
    close(np.linalg.norm(model.bottleneck.atoms(), axis=1), np.ones(ATOMS))


def test_atoms_without_unit_norm_are_as_they_are():
    model, w = made("KSparseAutoencoder", k=K)
    close(model.bottleneck.atoms(), w["D"])
    x = rows(8)
    # Its docstring says x W + c; what is computed takes b off before.
    z = top_k(pre(w, x), K, rectify=False)
    close(model.encode(x), z)
    close(model.reconstruct(x), z @ w["D"] + w["b"])


# AuxK ------------------------------------------------------------------------------------------


def dead(w: dict[str, np.ndarray], x: np.ndarray, alive: np.ndarray, z: np.ndarray, count: int):
    """Return e and e^ of appendix A.2: the count largest pre-activations of the dead."""
    p = np.where(alive, -np.inf, pre(w, x))
    z_aux = np.zeros_like(z)
    best = np.argsort(-p, axis=1, kind="stable")[:, : min(count, (~alive).sum())]
    np.put_along_axis(z_aux, best, np.maximum(np.take_along_axis(p, best, 1), 0), 1)
    return x - z @ w["D"] - w["b"], z_aux


@pytest.mark.parametrize("count", [1, 2, 5, 50])
@pytest.mark.parametrize("kind", ["TopKSAE", "BatchTopKSAE"])
def test_aux_k_is_appendix_a_2(kind, count):
    model, w = made(kind, k=K)
    t = objectives.DeadAtoms(atoms=count)
    t.attach(model)
    alive = np.arange(ATOMS) % 3 != 0
    (since,) = t.variables
    since.assign(np.where(alive, 0, 20000).astype("float32"))
    x = rows(8)
    z = top_k(pre(w, x), K) if kind == "TopKSAE" else batch_top_k(pre(w, x), K)
    e, z_aux = dead(w, x, alive, z, count)
    batch = model.batch(ops.convert_to_tensor(x))
    outputs = model.autoencode(batch, training=True, sample=True)
    close(array(t.value(model, batch, outputs, True)), half_square(e - z_aux @ w["D"]))


def test_aux_k_takes_half_of_the_data_by_default():
    model, w = made("TopKSAE", k=K)
    (since,) = [v for v in model.weights if v.path.endswith("since")]
    since.assign(np.full(ATOMS, 20000.0))
    x = rows(8)
    alive = np.zeros(ATOMS, bool)
    values = array(term(model, x, objectives.DeadAtoms))
    e, z_aux = dead(w, x, alive, top_k(pre(w, x), K), WIDTH // 2)
    e3, z3 = dead(w, x, alive, top_k(pre(w, x), K), WIDTH - WIDTH // 2)
    a, b = half_square(e - z_aux @ w["D"]), half_square(e3 - z3 @ w["D"])
    assert np.abs(values - a).max() < 1e-4 or np.abs(values - b).max() < 1e-4


def test_gradient_of_aux_k_brings_dead_atoms_back():
    model, w = made("TopKSAE", k=K)
    alive = np.arange(ATOMS) % 3 != 0
    (since,) = [v for v in model.weights if v.path.endswith("since")]
    since.assign(np.where(alive, 0, 20000).astype("float32"))
    x = rows(8)
    e, z_aux = dead(w, x, alive, top_k(pre(w, x), K), 2)
    code = model.bottleneck
    gw, gc = slope(model, objectives.DeadAtoms, x, [code.kernel, code.bias])
    up = -((e - z_aux @ w["D"]) @ w["D"].T) * (z_aux > 0)
    close(gc[~alive], up.sum(0)[~alive])
    close(gw[:, ~alive], ((x - w["b"]).T @ up)[:, ~alive])


def test_no_dead_atom_costs_nothing():
    model, _w = made("TopKSAE", k=K)
    x = rows(8)
    assert (array(term(model, x, objectives.DeadAtoms)) == 0).all()


def test_atoms_die_after_so_many_examples_and_come_back():
    # An atom whose bias is far below zero is never used; after `dead_after` examples it is dead.
    model, w = made("TopKSAE", k=K, dead_after=24)
    model.compile(keras.optimizers.SGD(0.0))
    bias = w["c"].copy()
    bias[4] = -1e3
    model.bottleneck.bias.assign(bias)
    (since,) = [v for v in model.weights if v.path.endswith("since")]
    counts = np.zeros(ATOMS)
    w["c"] = bias
    for i in range(4):
        x = rows(8, seed=i)
        model.train_on_batch(x)
        used = (top_k(pre(w, x), K) > 0).any(0)
        counts = np.where(used, 0, counts + 8)
        close(array(since), counts)
    assert counts[4] == 32
    value = array(term(model, x, objectives.DeadAtoms))
    _e, _z_aux = dead(w, x, counts < 24, top_k(pre(w, x), K), 3)
    assert value.max() > 0


# The variants' whole losses --------------------------------------------------------------------


def test_jump_relu_loss_is_equation_9():
    model, w = made("JumpReLUSAE", sparsity=0.7, threshold=0.4)
    x = rows(8)
    p = pre(w, x)
    z = p * (p > 0.4)
    want = gaussian(x - z @ w["D"] - w["b"]) + 0.7 * (z != 0).sum(1)
    close(trained(model, x), want.mean())


def test_threshold_gradient_of_the_whole_loss_is_equation_10():
    # Appendix / equation 10: dL/dtheta = mean (theta/eps) K (e . d) ... with lambda / eps K.
    model, w = made("JumpReLUSAE", sparsity=0.7, threshold=0.4, bandwidth=0.9)
    x = rows(8)
    p = pre(w, x)
    z = p * (p > 0.4)
    e = x - z @ w["D"] - w["b"]
    inside = np.abs((p - 0.4) / 0.9) < 0.5
    assert inside.any()
    want = (inside / 0.9 * (0.4 * (e @ w["D"].T) - 0.7)).sum(0) * 0.4
    code = model.bottleneck

    def loss():
        both = term(model, x, objectives.Reconstruction) + 0.7 * term(
            model, x, objectives.L0Sparsity
        )
        return ops.sum(both)

    (got,) = weight_gradients(loss, [code.log_threshold])
    close(got, want)


def gate(model, w, x):
    """Return pre-activations of gates and f~ of equation 5."""
    code = model.bottleneck
    w["r"], w["m"] = np.random.default_rng(3).normal(size=(2, ATOMS)) * 0.4
    code.log_scale.assign(w["r"])
    code.magnitude_bias.assign(w["m"])
    p = pre(w, x)
    magnitude = (x - w["b"]) @ (w["W"] * np.exp(w["r"])) + w["m"]
    return p, (p > 0) * np.maximum(magnitude, 0)


def test_gated_loss_is_equation_8():
    model, w = made("GatedSAE", sparsity=0.6)
    x = rows(8)
    p, z = gate(model, w, x)
    opened = np.maximum(p, 0)
    close(array(term(model, x, objectives.GateSparsity)), opened.sum(1))
    close(
        array(term(model, x, objectives.GateReconstruction)),
        half_square(x - opened @ w["D"] - w["b"]),
    )
    want = (
        gaussian(x - z @ w["D"] - w["b"])
        + 0.6 * opened.sum(1)
        + half_square(x - opened @ w["D"] - w["b"])
    )
    close(trained(model, x), want.mean())


def test_gradients_of_the_third_term_stop_at_the_dictionary():
    # Equation 8: x^_frozen is a frozen copy of the decoder. The gates' weights learn by it, and
    # magnitudes do not.
    model, w = made("GatedSAE")
    x = rows(8)
    p, _ = gate(model, w, x)
    code = model.bottleneck
    gw, gc, gd, gb, gr, gm = slope(
        model,
        objectives.GateReconstruction,
        x,
        [code.kernel, code.bias, *code.dictionary.weights, code.log_scale, code.magnitude_bias],
    )
    up = -((x - np.maximum(p, 0) @ w["D"] - w["b"]) @ w["D"].T) * (p > 0)
    close(gw, (x - w["b"]).T @ up)
    close(gc, up.sum(0))
    assert not gd.any()
    assert not gr.any()
    assert not gm.any()
    # b of the decoder is frozen, as D is; what is taken off before the gates is not a part of
    # the frozen decoder, so b gets this alone.
    close(gb, -(up @ w["W"].T).sum(0))


def test_gradients_of_the_second_term():
    model, w = made("GatedSAE")
    x = rows(8)
    p, _ = gate(model, w, x)
    code = model.bottleneck
    gw, gc, gd, gr, gm = slope(
        model,
        objectives.GateSparsity,
        x,
        [code.kernel, code.bias, code.dictionary.weights[0], code.log_scale, code.magnitude_bias],
    )
    close(gw, (x - w["b"]).T @ (p > 0))
    close(gc, (p > 0).sum(0))
    assert not gd.any()
    assert not gr.any()
    assert not gm.any()


def test_matryoshka_is_equation_4():
    model, w = made("MatryoshkaSAE", sizes=[2, 5], k=K)
    x = rows(8)
    z = batch_top_k(pre(w, x), K)
    nested = [gaussian(x - z[:, :m] @ w["D"][:m] - w["b"]) for m in (2, 5)]
    close(array(term(model, x, objectives.NestedReconstruction)), sum(nested))
    close(trained(model, x), (sum(nested) + gaussian(x - z @ w["D"] - w["b"])).mean())


def test_gradient_of_matryoshka_reaches_only_the_first_atoms():
    model, _w = made("MatryoshkaSAE", sizes=[2, 5], k=K)
    code = model.bottleneck
    gw, gd = slope(
        model, objectives.NestedReconstruction, rows(8), [code.kernel, code.dictionary.weights[0]]
    )
    assert not gw[:, 5:].any()
    assert not gd[5:].any()
    assert gw[:, :5].any()
    assert gd[:5].any()


def test_transcoder_explains_outputs_by_inputs():
    model, w = made("Transcoder", k=K)
    x, y = rows(8), rows(8, seed=2)
    # Section 3 of Dunefsky et al.: W_enc x + b_enc, nothing is taken off x.
    z = top_k(pre(w, x, centred=False), K)
    close(model.encode(x), z)
    want = gaussian(y - z @ w["D"] - w["b"])
    close(array(term(model, x, objectives.Reconstruction, y=ops.convert_to_tensor(y))), want)
    model.compile("sgd")
    close(model.evaluate(x, y, verbose=0, return_dict=True)["reconstruction"], want.mean())


def test_terms_count_observed_entries_only():
    x = rows(8)
    there = (np.random.default_rng(6).random(x.shape) < 0.7).astype("float64")
    gaps = np.where(there == 1, x, np.nan).astype("float32")
    model, w = made("GatedSAE", missing="mask")
    p, z = gate(model, w, x * there)
    e = (x - np.maximum(p, 0) @ w["D"] - w["b"]) * there
    close(array(term(model, gaps, objectives.GateReconstruction)), half_square(e))
    e = (x - z @ w["D"] - w["b"]) * there
    want = half_square(e) + 0.5 * np.log(2 * np.pi) * there.sum(1)
    close(array(term(model, gaps, objectives.Reconstruction)), want)
    model, w = made("TopKSAE", k=K, missing="mask")
    (since,) = [v for v in model.weights if v.path.endswith("since")]
    alive = np.arange(ATOMS) % 3 != 0
    since.assign(np.where(alive, 0, 20000).astype("float32"))
    filled = (x * there).astype("float32")
    e, z_aux = dead(w, filled, alive, top_k(pre(w, filled), K), WIDTH // 2)
    close(array(term(model, gaps, objectives.DeadAtoms)), half_square((e - z_aux @ w["D"]) * there))
