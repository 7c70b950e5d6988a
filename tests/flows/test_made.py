from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.flows.made import MADE
from tests.flows.cases import CONTEXT_DIM, normal, tensor
from tests.jacobians import jacobian

DIM, OUTPUTS = 5, 2

any_hidden = pytest.mark.parametrize("hidden", [(16,), (16, 8), (3,), (2, 2, 2), (1,)])


def made(hidden: tuple[int, ...], conditioned: bool = False, dim: int = DIM) -> MADE:
    network = MADE(dim, OUTPUTS, hidden, activation="tanh")
    network.build((None, dim), (None, CONTEXT_DIM) if conditioned else None)
    rng = np.random.default_rng(5)
    for weight in network.trainable_weights:
        weight.assign(rng.normal(size=weight.shape).astype("float32"))
    return network


def derivatives(network: MADE, z: np.ndarray, context: np.ndarray | None = None) -> np.ndarray:
    """Return d outputs[o, i] / d z[j], shape (batch, outputs, dim, dim)."""

    def flat(point: Any) -> Any:
        return ops.reshape(network(point, tensor(context)), (len(z), -1))

    return jacobian(flat, z).reshape(len(z), OUTPUTS, z.shape[1], z.shape[1])


def test_there_is_one_row_of_outputs_a_parameter() -> None:
    outputs = made((16,))(tensor(normal(7, DIM)))
    assert tuple(outputs.shape) == (7, OUTPUTS, DIM)


@any_hidden
@pytest.mark.parametrize("conditioned", [False, True])
def test_an_output_depends_on_earlier_inputs_only(
    hidden: tuple[int, ...], conditioned: bool
) -> None:
    z, context = normal(7, DIM), normal(7, CONTEXT_DIM) if conditioned else None
    found = derivatives(made(hidden, conditioned), z, context)
    np.testing.assert_array_equal(np.triu(found), np.zeros_like(found))


@pytest.mark.parametrize("hidden", [(16,), (16, 8)])
def test_an_output_depends_on_every_earlier_input(hidden: tuple[int, ...]) -> None:
    found = abs(derivatives(made(hidden), normal(7, DIM))).max(0)
    earlier = np.tril(np.ones((DIM, DIM), bool), -1)
    assert (found[:, earlier] > 1e-5).all()


def test_moving_an_input_leaves_the_outputs_up_to_it_as_they_are() -> None:
    network, z = made((16, 16)), normal(7, DIM)
    before = ops.convert_to_numpy(network(tensor(z)))
    for j in range(DIM):
        moved = z.copy()
        moved[:, j] += 100
        after = ops.convert_to_numpy(network(tensor(moved)))
        np.testing.assert_array_equal(after[:, :, : j + 1], before[:, :, : j + 1])


@pytest.mark.parametrize("hidden", [(16,), (16, 8), (3,)])
def test_the_context_enters_every_output(hidden: tuple[int, ...]) -> None:
    network, z, context = made(hidden, True), normal(7, DIM), normal(7, CONTEXT_DIM, seed=4)

    def flat(given: Any) -> Any:
        return ops.reshape(network(tensor(z), given), (7, -1))

    found = abs(jacobian(flat, context)).max(0).reshape(OUTPUTS, DIM, CONTEXT_DIM)
    assert (found > 1e-5).all()


def test_the_outputs_of_one_input_are_constant() -> None:
    network = made((16,), dim=1)
    outputs = ops.convert_to_numpy(network(tensor(normal(7, 1))))
    assert outputs.shape == (7, OUTPUTS, 1)
    wanted = np.broadcast_to(outputs[:1], outputs.shape)
    np.testing.assert_allclose(outputs, wanted, rtol=1e-6)  # a product may round row by row


def test_the_masks_are_no_weights() -> None:
    network = made((16, 8))
    assert len(network.weights) == len(network.trainable_weights)
    assert all(
        set(np.unique(ops.convert_to_numpy(w))) - {0.0, 1.0} for w in network.trainable_weights
    )


def test_the_two_parameters_of_an_input_are_their_own() -> None:
    outputs = ops.convert_to_numpy(made((16,))(tensor(normal(7, DIM))))
    assert (abs(outputs[:, 0] - outputs[:, 1]) > 1e-4).all()
