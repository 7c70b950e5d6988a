from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.bottlenecks import Deterministic
from keras_ae.objectives import (
    DeadAtoms,
    GateReconstruction,
    GateSparsity,
    L0Sparsity,
    NestedReconstruction,
)
from keras_ae.typing import Batch
from tests.gradients import weight_gradients

RNG = np.random.default_rng(0)
X = RNG.normal(size=(9, 5)).astype("f4")
ATOMS = 12


def made(name: str, **options: Any) -> Any:
    model = keras_ae.create(name, input_shape=(5,), latent_dim=ATOMS, **options)
    for variable in model.trainable_variables:
        variable.assign(0.5 * RNG.normal(size=variable.shape))
    return model


def term_of(model: Any, kind: type) -> Any:
    (found,) = [term for term in model.objective if isinstance(term, kind)]
    return found


def value(model: Any, term: Any, training: bool = False, mask: np.ndarray | None = None) -> Any:
    x = ops.convert_to_tensor(X)
    seen = None if mask is None else ops.convert_to_tensor(mask.astype("f4"))
    batch = Batch(x, x, None, seen)
    return term.value(model, batch, model.autoencode(batch, training), training)


def array(tensor: Any) -> np.ndarray:
    return np.array(ops.convert_to_numpy(tensor), "f8")


def known(model: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return atoms, bias, pre-activations and codes."""
    code, outputs = model.bottleneck, model.autoencode(Batch(*[ops.convert_to_tensor(X)] * 2))
    parts = (code.dictionary.atoms, code.dictionary.bias, outputs["pre_activations"])
    return *map(array, parts), array(outputs["latent"])  # type: ignore[return-value]


def test_dead_atoms_explain_what_is_left() -> None:
    """Gao et al. (2024), appendix A.2."""
    model = made("top_k_sae", k=3)
    term = term_of(model, DeadAtoms)
    dead = np.arange(ATOMS) % 2 == 0
    term.since.assign(np.where(dead, term.after, term.after - 1))
    atoms, bias, pre, code = known(model)
    error = X - code @ atoms - bias
    wanted = []
    for row, left in zip(pre, error, strict=True):
        best = [j for j in np.argsort(-row) if dead[j]][:2]  # half of five numbers
        made_of_dead = sum(max(row[j], 0.0) * atoms[j] for j in best)
        wanted.append(0.5 * ((left - made_of_dead) ** 2).sum())
    np.testing.assert_allclose(array(value(model, term)), wanted, rtol=1e-4)


def test_it_is_zero_while_no_atom_is_dead() -> None:
    model = made("top_k_sae", k=3)
    term = term_of(model, DeadAtoms)
    term.since.assign(np.full(ATOMS, term.after - 1.0))
    assert not array(value(model, term)).any()
    gradients = weight_gradients(lambda: ops.sum(value(model, term)), model.trainable_variables)
    assert not any(g.any() for g in gradients)


def test_it_moves_dead_atoms_alone() -> None:
    model = made("top_k_sae", k=3)
    term = term_of(model, DeadAtoms)
    dead = np.arange(ATOMS) % 2 == 0
    term.since.assign(np.where(dead, 1.0, 0.0) * term.after)
    code = model.bottleneck
    variables = [code.dictionary.vectors, code.kernel, code.bias]
    vectors, kernel, bias = weight_gradients(lambda: ops.sum(value(model, term)), variables)
    for gradient in (vectors.T, kernel, bias[None]):
        assert gradient[:, dead].any()
        assert not gradient[:, ~dead].any()


def test_examples_without_use_are_counted_in_training_alone() -> None:
    model = made("top_k_sae", k=3, dead_after=20)
    term = term_of(model, DeadAtoms)
    value(model, term)
    assert not array(term.since).any()
    never = (known(model)[3] == 0).all(0)
    assert never.any()
    for steps in (1, 2):
        value(model, term, training=True)
        np.testing.assert_array_equal(array(term.since), np.where(never, steps * len(X), 0))


def test_entries_that_are_not_zero_are_counted() -> None:
    model = made("jump_relu_sae", threshold=0.2)
    got = array(value(model, term_of(model, L0Sparsity)))
    pre = known(model)[2]
    np.testing.assert_array_equal(got, (pre > array(model.bottleneck.threshold)).sum(1))


def test_the_size_of_gates_is_summed() -> None:
    model = made("gated_sae")
    got = array(value(model, term_of(model, GateSparsity)))
    np.testing.assert_allclose(got, np.maximum(known(model)[2], 0).sum(1), rtol=1e-4)


def test_gates_reconstruct_with_a_dictionary_that_stands_still() -> None:
    model = made("gated_sae")
    term = term_of(model, GateReconstruction)
    atoms, bias, pre, _ = known(model)
    left = X - np.maximum(pre, 0) @ atoms - bias
    np.testing.assert_allclose(array(value(model, term)), 0.5 * (left**2).sum(1), rtol=1e-4)
    code = model.bottleneck
    variables = [code.dictionary.vectors, code.bias, code.log_scale]
    vectors, gates, scale = weight_gradients(lambda: ops.sum(value(model, term)), variables)
    assert not vectors.any()
    assert not scale.any()
    np.testing.assert_allclose(gates, -((pre > 0) * (left @ atoms.T)).sum(0), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", [GateReconstruction, DeadAtoms])
def test_missing_entries_have_no_part(kind: type) -> None:
    model = made("gated_sae") if kind is GateReconstruction else made("top_k_sae", k=3)
    term = term_of(model, kind)
    if kind is DeadAtoms:
        term.since.assign(np.full(ATOMS, term.after))
    mask = RNG.random(X.shape) < 0.6
    atoms, bias, pre, code = known(model)
    if kind is GateReconstruction:
        error = mask * (X - np.maximum(pre, 0) @ atoms - bias)
    else:
        best = np.sort(pre, axis=1)[:, -term.chosen :][:, :1]
        used = np.where(pre >= best, np.maximum(pre, 0), 0)
        error = mask * (X - code @ atoms - bias - used @ atoms)
    np.testing.assert_allclose(
        array(value(model, term, mask=mask)), 0.5 * (error**2).sum(1), rtol=1e-3
    )


def test_the_first_atoms_explain_the_data_alone() -> None:
    """Bussmann et al. (2025), equation 4."""
    model = made("matryoshka_sae", sizes=[2, 5, 7], k=3)
    atoms, bias, _, code = known(model)
    wanted = np.zeros(len(X))
    for size in (2, 5, 7):
        error = X - code[:, :size] @ atoms[:size] - bias
        wanted += 0.5 * (error**2).sum(1) + 2.5 * np.log(2 * np.pi)
    got = array(value(model, term_of(model, NestedReconstruction)))
    np.testing.assert_allclose(got, wanted, rtol=1e-4)


@pytest.mark.parametrize("sizes", [[], [3, 2], [2, 2], [0, 2]])
def test_sizes_that_do_not_rise_are_refused(sizes: list[int]) -> None:
    with pytest.raises((TypeError, ValueError), match="`sizes`"):
        NestedReconstruction(sizes)


def test_nested_dictionaries_are_smaller_than_the_whole() -> None:
    with pytest.raises(ValueError, match="must be smaller than the code's"):
        keras_ae.create("matryoshka_sae", input_shape=(5,), latent_dim=8, sizes=[4, 8], k=2)
    with pytest.raises(ValueError, match="Deterministic"):
        keras_ae.LatentModel(
            (5,),
            bottleneck=Deterministic(8),
            objective=[NestedReconstruction([2])],
        )
