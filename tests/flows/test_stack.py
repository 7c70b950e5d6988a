from __future__ import annotations

import numpy as np
import pytest

from keras_ae import flows
from keras_ae.flows import (
    AffineCoupling,
    Flow,
    InverseAutoregressive,
    Planar,
    Radial,
    Reverse,
    Stack,
)
from tests.flows.cases import CONTEXT_DIM, built, normal, on_arrays

DIM = 3


def steps() -> list[Flow]:
    coupling = AffineCoupling(hidden=(8,))
    return [Planar(), Reverse(), coupling, Reverse(), InverseAutoregressive(hidden=(8,)), Radial()]


@pytest.mark.parametrize("conditioned", [False, True])
def test_a_stack_is_its_steps_in_order_and_sums_their_log_determinants(conditioned: bool) -> None:
    parts = steps()
    stack = built(Stack(parts), DIM, CONTEXT_DIM if conditioned else None, scale=0.3)
    z = normal(8, DIM)
    context = normal(8, CONTEXT_DIM) if conditioned else None
    point, total = z, np.zeros(8)
    for part in parts:
        point, log_det = on_arrays(part.transform, point, context)
        total = total + log_det
    z_next, log_det = on_arrays(stack.transform, z, context)
    np.testing.assert_allclose(z_next, point, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(log_det, total, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("conditioned", [False, True])
def test_a_stack_is_inverted_from_its_last_step_to_its_first(conditioned: bool) -> None:
    parts = steps()
    stack = built(Stack(parts), DIM, CONTEXT_DIM if conditioned else None, scale=0.3)
    z_next = normal(8, DIM)
    context = normal(8, CONTEXT_DIM) if conditioned else None
    point, total = z_next, np.zeros(8)
    for part in reversed(parts):
        point, log_det = on_arrays(part.invert, point, context)
        total = total + log_det
    z, log_det = on_arrays(stack.invert, z_next, context)
    np.testing.assert_allclose(z, point, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(log_det, total, rtol=1e-4, atol=1e-4)
    again, _ = on_arrays(stack.transform, z, context)
    np.testing.assert_allclose(again, z_next, rtol=1e-4, atol=1e-4)


def test_the_order_of_the_steps_matters() -> None:
    z = normal(8, DIM)
    planar, radial = built(Planar(), DIM, scale=1.0), built(Radial(), DIM, scale=1.0)
    images = []
    for order in ([Planar(), Radial()], [Radial(), Planar()]):
        stack = built(Stack(order), DIM)
        for step in order:
            step.set_weights((planar if isinstance(step, Planar) else radial).get_weights())
        images.append(on_arrays(stack.transform, z)[0])
    assert abs(images[0] - images[1]).max() > 1e-2


def test_a_stack_of_stacks_is_a_flow() -> None:
    inner = Stack([Planar(), Radial()])
    stack, z = built(Stack([inner, Reverse()]), DIM, CONTEXT_DIM, scale=0.5), normal(8, DIM)
    context = normal(8, CONTEXT_DIM)
    z_next, log_det = on_arrays(stack.transform, z, context)
    wanted, inner_log_det = on_arrays(inner.transform, z, context)
    np.testing.assert_allclose(z_next, wanted[:, ::-1], atol=1e-6)
    np.testing.assert_allclose(log_det, inner_log_det, atol=1e-6)


def test_a_stack_has_the_weights_of_all_its_steps() -> None:
    parts = steps()
    stack = built(Stack(parts), DIM)
    wanted = [id(w) for part in parts for w in part.trainable_weights]
    assert sorted(id(w) for w in stack.trainable_weights) == sorted(wanted)
    assert len(wanted) == len(set(wanted)) > 0


def test_one_step_alone_is_that_step() -> None:
    part = Planar()
    stack, z = built(Stack([part]), DIM, scale=1.0), normal(8, DIM)
    for a, b in zip(on_arrays(stack.transform, z), on_arrays(part.transform, z), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_stacks_inverse_is_cheap_if_all_its_steps_are() -> None:
    assert flows.get({"name": "affine_coupling", "depth": 2, "hidden": (8,)}).cheap_inverse
    assert not Stack([Reverse(), InverseAutoregressive(hidden=(8,))]).cheap_inverse


def test_a_stack_has_no_name_to_be_asked_for_by() -> None:
    assert "stack" not in flows.PARTS
    with pytest.raises(ValueError, match="Received: 'stack'"):
        flows.get("stack")
