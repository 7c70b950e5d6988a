from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae import flows
from keras_ae.flows import Flow, Stack
from keras_ae.parts import deserialize, serialize
from tests.flows.cases import (
    AUTOREGRESSIVE,
    CONTEXT_DIM,
    COUPLINGS,
    ONE_DIMENSIONAL,
    ROWS,
    WEIGHTLESS,
    Case,
    arrays,
    built,
    context_of,
    jacobian_of,
    made,
    measured,
    normal,
    on_arrays,
    options,
    rounding_loss,
    tensor,
    weight_gradients,
)

NAMES = sorted(flows.PARTS)
LEARNED = [name for name in NAMES if name not in WEIGHTLESS]

# Depth to dims, and to the noise on the weights. A deep flow of wild networks stretches and
# squeezes by more than float32 can undo (`rounding_loss` exceeds 1): the noise is about as large
# as it may be.
DIMS = {1: (1, 2, 5), 2: (2,), 8: (5,)}
SCALES = {
    "affine_coupling": {1: 1.0, 2: 0.7, 8: 0.2},
    "inverse_autoregressive": {1: 1.0, 2: 0.7, 8: 0.3},
    "masked_autoregressive": {1: 0.7, 2: 0.5, 8: 0.1},
    "spline_coupling": {1: 0.4, 2: 0.3, 8: 0.1},
}
SCALES_OF_THE_OTHERS = {1: 1.0, 2: 1.0, 8: 0.7}

CASES = [
    Case(name, depth, dim, conditioned, scale)
    for name in NAMES
    for depth, dims in DIMS.items()
    for dim in dims
    if dim > 1 or name in ONE_DIMENSIONAL
    for conditioned in (False, True)
    for scale in (0.0, SCALES.get(name, SCALES_OF_THE_OTHERS)[depth])
    if name not in WEIGHTLESS or (scale == 0 and not conditioned)
    if scale > 0 or not conditioned or depth == 1
]
SINGLE = [case for case in CASES if case.depth == 1]
MOVED = [case for case in CASES if case.scale > 0]

every_case = pytest.mark.parametrize("case", CASES, ids=str)


def close(got: np.ndarray, wanted: np.ndarray, loss: np.ndarray) -> None:
    """Compare row by row within what float32 may lose there; most rows must lose little."""
    kept = loss < 0.01
    assert kept.mean() >= 0.5, f"float32 cannot hold these rows: {loss}"
    error = abs(got.astype("f8") - wanted).reshape(len(got), -1).max(1)
    assert np.isfinite(got).all()
    assert (error[kept] <= loss[kept]).all(), f"{error[kept]} exceeds {loss[kept]}"


# The map.


@every_case
def test_a_map_gives_vectors_and_one_log_determinant_a_row(case: Case) -> None:
    m = measured(case)
    assert m.z_next.shape == m.back.shape == (ROWS, case.dim)
    assert m.log_det.shape == m.back_log_det.shape == (ROWS,)
    for result in (m.z_next, m.back, m.log_det, m.back_log_det):
        assert result.dtype == "float32"
        assert np.isfinite(result).all()


@every_case
def test_invert_undoes_transform(case: Case) -> None:
    m = measured(case)
    close(m.back, m.z, m.loss)


@every_case
def test_transform_undoes_invert(case: Case) -> None:
    flow, context = measured(case).flow, context_of(case)
    z_next = normal(ROWS, case.dim, seed=4)
    z, _ = on_arrays(flow.invert, z_next, context)
    again, _ = on_arrays(flow.transform, z, context)
    close(again, z_next, rounding_loss(flow, z, context, image_first=True))


@every_case
def test_the_log_determinant_is_that_of_the_jacobian(case: Case) -> None:
    m = measured(case)
    sign, wanted = np.linalg.slogdet(m.jacobian)
    assert (abs(sign) == 1).all()
    condition = np.linalg.norm(m.jacobian, 2, axis=(1, 2)) * m.loss
    close(m.log_det, wanted, 1e-5 * np.maximum(1, abs(wanted)) + np.maximum(condition, m.loss))


@every_case
def test_the_inverses_log_determinant_is_minus_the_maps(case: Case) -> None:
    m = measured(case)
    close(m.back_log_det, -m.log_det, 1e-5 * np.maximum(1, abs(m.log_det)) + 4 * m.loss)


@pytest.mark.parametrize(
    "case",
    [Case(n, d, 2, c, 0.3) for n in LEARNED for d in (1, 2) for c in (False, True)],
    ids=str,
)
def test_the_inverse_has_the_inverse_jacobian(case: Case) -> None:
    m = measured(case)
    product = jacobian_of(m.flow.invert, m.z_next, m.context) @ m.jacobian
    stretch = np.linalg.norm(m.jacobian, 2, axis=(1, 2)) / np.linalg.svd(m.jacobian)[1][:, -1]
    eye = np.broadcast_to(np.eye(case.dim), product.shape)
    close(product, eye, 4 * np.maximum(1, stretch) * m.loss)


@pytest.mark.parametrize("case", [case for case in MOVED if case.conditioned], ids=str)
def test_the_context_changes_the_map(case: Case) -> None:
    m = measured(case)
    other, other_log_det = on_arrays(m.flow.transform, m.z, context_of(case, seed=8))
    assert (abs(other - m.z_next).max(1) > 1e-3).all()
    if case.name != "householder":
        assert (abs(other_log_det - m.log_det) > 1e-4).any()


@pytest.mark.parametrize("case", [case for case in CASES if case.depth == 2], ids=str)
def test_a_row_is_mapped_by_itself(case: Case) -> None:
    m = measured(case)
    for method, points in ((m.flow.transform, m.z), (m.flow.invert, m.z_next)):
        whole = on_arrays(method, points, m.context)
        part = on_arrays(method, points[3:5], None if m.context is None else m.context[3:5])
        for a, b in zip(part, whole, strict=True):  # a product of fewer rows may round otherwise
            np.testing.assert_allclose(a, b[3:5], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("case", SINGLE, ids=str)
def test_calling_a_flow_transforms(case: Case) -> None:
    m = measured(case)
    context = {} if m.context is None else {"context": tensor(m.context)}
    z_next, log_det = arrays(m.flow(tensor(m.z), **context))
    np.testing.assert_allclose(z_next, m.z_next, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(log_det, m.log_det, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", [c for c in CASES if c.scale == 0], ids=str)
def test_a_new_flow_is_near_the_identity_up_to_an_isometry(case: Case) -> None:
    singular = np.linalg.svd(measured(case).jacobian, compute_uv=False)
    assert (singular > 0.6**case.depth).all()
    assert (singular < 1.6**case.depth).all()


# Learning.


def scores(flow: Flow, case: Case) -> Callable[[], Any]:
    """Return a scalar that every parameter of the map and of its density moves."""
    z, context = tensor(normal(ROWS, case.dim)), tensor(context_of(case))
    towards, weights = tensor(normal(ROWS, case.dim, seed=1)), tensor(normal(ROWS, seed=2))

    def score() -> Any:
        z_next, log_det = flow.transform(z, context)
        return ops.sum(z_next * towards) + ops.sum(log_det * weights)

    return score


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.name not in WEIGHTLESS and c.depth in (1, 8)], ids=str
)
def test_a_gradient_reaches_every_trainable_weight(case: Case) -> None:
    flow = measured(case).flow
    gradients = weight_gradients(flow, scores(flow, case))
    assert gradients
    assert all(np.isfinite(g).all() for g in gradients)
    reached = [g.any() for g in gradients]
    if case.name in AUTOREGRESSIVE and case.dim == 1:
        assert any(reached)  # nothing comes before the only input: none of its weights counts
    else:
        assert all(reached), [
            w.path for w, r in zip(flow.trainable_weights, reached, strict=True) if not r
        ]


@pytest.mark.parametrize(
    "case", [Case(n, d, 2, c, 0.3) for n in LEARNED for d, c in ((1, False), (2, True))], ids=str
)
def test_the_weights_move_the_inverse_as_they_move_the_map(case: Case) -> None:
    m = measured(case)
    z, context = tensor(m.z[m.loss < 1e-3]), m.context
    context = tensor(context if context is None else context[m.loss < 1e-3])

    towards = tensor(normal(*z.shape, seed=1))

    def one_way() -> Any:
        z_next, log_det = m.flow.transform(z, context)
        return ops.sum(z_next * towards) + ops.sum(log_det)

    def round_trip() -> Any:  # does not depend on the weights
        z_next, log_det = m.flow.transform(z, context)
        back, back_log_det = m.flow.invert(z_next, context)
        return ops.sum(back * towards) + ops.sum(log_det + back_log_det)

    moved, still = (weight_gradients(m.flow, loss) for loss in (one_way, round_trip))
    for gradient, zero in zip(moved, still, strict=True):
        assert np.isfinite(zero).all()
        np.testing.assert_allclose(zero, 0, atol=2e-3 * max(1, abs(gradient).max()))


@pytest.mark.parametrize(
    "case", [Case(n, 2, 2, c) for n in LEARNED for c in (False, True)], ids=str
)
def test_a_step_along_the_gradient_raises_the_score(case: Case) -> None:
    flow = made(case)
    score = scores(flow, case)
    before = float(ops.convert_to_numpy(score()))
    gradients = weight_gradients(flow, score)
    size = np.sqrt(sum((g**2).sum() for g in gradients))
    for weight, gradient in zip(flow.trainable_weights, gradients, strict=True):
        weight.assign(ops.convert_to_numpy(weight) + 1e-2 * gradient / size)
    after = float(ops.convert_to_numpy(score()))
    np.testing.assert_allclose(after - before, 1e-2 * size, rtol=0.2)


# Hard places.


@pytest.mark.parametrize("case", [c for c in CASES if c.scale == 0 or c.depth == 1], ids=str)
def test_far_points_have_finite_images_and_derivatives(case: Case) -> None:
    m = measured(case)
    far = 50 * np.sign(m.z)
    for method in (m.flow.transform, m.flow.invert):
        for result in on_arrays(method, far, m.context):
            assert np.isfinite(result).all()
        if case.depth < 8:  # a gradient through eight loops there and back compiles for seconds
            assert np.isfinite(jacobian_of(method, far, m.context)).all()


@pytest.mark.parametrize("name", LEARNED)
def test_wild_weights_leave_values_and_derivatives_finite(name: str) -> None:
    flow, z = made(Case(name, 1, 5, scale=4.0)), normal(ROWS, 5)
    for method in (flow.transform, flow.invert):
        for result in on_arrays(method, z):
            assert np.isfinite(result).all()
        assert np.isfinite(jacobian_of(method, z)).all()


@pytest.mark.parametrize(
    "case", [Case(n, d, 2, c) for n in LEARNED for d in (1, 2) for c in (False, True)], ids=str
)
def test_weights_of_zero_leave_values_and_derivatives_finite(case: Case) -> None:
    flow = made(case)
    for weight in flow.trainable_weights:
        weight.assign(np.zeros(weight.shape, "float32"))
    z, context = normal(ROWS, case.dim), context_of(case)
    for method in (flow.transform, flow.invert):
        for result in on_arrays(method, z, context):
            assert np.isfinite(result).all()
        assert np.isfinite(jacobian_of(method, z, context)).all()
    for gradient in weight_gradients(flow, scores(flow, case)):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_half_precision_policy_leaves_a_flow_in_float32(name: str) -> None:
    case = Case(name, 2, 2, conditioned=name not in WEIGHTLESS)
    z, context = normal(ROWS, 2), context_of(case)
    wanted = on_arrays(made(case).transform, z, context)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        flow = made(case)
        got = on_arrays(flow.transform, z, context)
        called = on_arrays(flow, z, context)
    finally:
        keras.config.set_dtype_policy(before)
    for result in (got, called):
        for a, b in zip(result, wanted, strict=True):
            assert a.dtype == "float32"
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


# Densities.


@pytest.mark.parametrize("name", LEARNED)
def test_a_density_in_the_plane_integrates_to_one(name: str) -> None:
    # The peaks of a spline of wilder weights fall between the points of the grid.
    flow = made(Case(name, 2, 2, scale=0.2 if name == "spline_coupling" else 0.3))
    drawn, _ = on_arrays(flow.transform, normal(20_000, 2))
    low, high = drawn.min(0) - 0.5, drawn.max(0) + 0.5
    edges = [np.linspace(a, b, 301) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*((e[1:] + e[:-1]) / 2 for e in edges)), -1).reshape(-1, 2)
    assert abs(mass(flow, grid.astype("float32"), np.prod((high - low) / 300)) - 1) < 0.01


@pytest.mark.parametrize("name", ONE_DIMENSIONAL)
def test_a_density_on_the_line_integrates_to_one(name: str) -> None:
    flow = made(Case(name, 3, 1, scale=0.5))
    drawn, _ = on_arrays(flow.transform, normal(20_000, 1))
    edges = np.linspace(drawn.min() - 0.5, drawn.max() + 0.5, 20_001)
    grid = ((edges[1:] + edges[:-1]) / 2)[:, None].astype("float32")
    assert abs(mass(flow, grid, edges[1] - edges[0]) - 1) < 0.01


def mass(flow: Flow, grid: np.ndarray, cell: float) -> float:
    """Return the integral over the grid of the density of `flow.transform(N(0, I))`."""
    noise, log_det = on_arrays(flow.invert, grid)
    noise, dim = noise.astype("f8"), grid.shape[1]
    log_prob = -0.5 * (noise**2).sum(1) - 0.5 * dim * np.log(2 * np.pi) + log_det
    return float(np.exp(log_prob).sum() * cell)


# As a part of a model.


class RoundTrip(keras.Model):
    """There and back."""

    def __init__(self, flow: Flow) -> None:
        super().__init__()
        self.flow = flow

    def call(self, z: Any) -> Any:
        """Return the image, the point again, and both log-determinants."""
        z_next, log_det = self.flow.transform(z)
        return z_next, log_det, *self.flow.invert(z_next)


@pytest.mark.parametrize("name", NAMES)
def test_a_compiled_graph_takes_batches_of_any_size(name: str) -> None:
    scale = 0.0 if name in WEIGHTLESS else SCALES.get(name, SCALES_OF_THE_OTHERS)[2]
    m = measured(Case(name, 2, 2, scale=scale))
    got = RoundTrip(m.flow).predict(np.tile(m.z, (2, 1))[:7], batch_size=3, verbose=0)
    wanted = (m.z_next, m.log_det, m.back, m.back_log_det)
    for a, b in zip(got, wanted, strict=True):
        rounding = 1e-5 * np.maximum(1, abs(b[:7]).reshape(7, -1).max(1))
        close(a, b[:7], rounding + 4 * m.loss[:7])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("conditioned", [False, True])
def test_a_flow_made_again_from_its_config_is_the_same_map(name: str, conditioned: bool) -> None:
    case = Case(name, 2, 2, conditioned, scale=0.5)
    flow, z, context = made(case), normal(ROWS, 2), context_of(case)
    copy = deserialize(serialize(flow))
    assert type(copy) is type(flow)
    built(copy, 2, CONTEXT_DIM if conditioned else None)
    copy.set_weights(flow.get_weights())
    for a, b in zip(
        on_arrays(copy.transform, z, context), on_arrays(flow.transform, z, context), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_two_flows_of_a_kind_start_apart_and_share_no_weight(name: str) -> None:
    flow = made(Case(name, 2, 5))
    variables = flow.trainable_weights
    assert len({id(v) for v in variables}) == len(variables)
    assert len({v.path for v in variables}) == len(variables)
    first, second = (s for s in flow.arguments["flows"] if type(s) is flows.PARTS[name])
    assert len(first.trainable_weights) == len(second.trainable_weights)
    if name not in WEIGHTLESS:
        pairs = zip(first.get_weights(), second.get_weights(), strict=True)
        assert any((a != b).any() for a, b in pairs)


# By name.


def test_names_dicts_and_instances_are_understood() -> None:
    flow = flows.Planar()
    assert flows.get(flow) is flow
    assert isinstance(flows.get("planar"), Flow)
    for stack in (flows.get("planar", depth=3), flows.get({"name": "planar", "depth": 3})):
        assert isinstance(stack, Stack)
        assert [type(step) for step in stack.arguments["flows"]] == [flows.Planar] * 3
    step = flows.get({"name": "affine_coupling", "depth": 1, "hidden": (4,)}).arguments["flows"][0]
    assert tuple(step.arguments["hidden"]) == (4,)


@pytest.mark.parametrize("name", COUPLINGS + AUTOREGRESSIVE)
def test_the_order_is_reversed_between_steps_that_depend_on_it(name: str) -> None:
    kinds = [type(step) for step in flows.get({"name": name, "depth": 3}).arguments["flows"]]
    kind = flows.PARTS[name]
    assert kinds == [kind, flows.Reverse, kind, flows.Reverse, kind]


@pytest.mark.parametrize("name", COUPLINGS)
def test_two_couplings_move_every_coordinate(name: str) -> None:
    m = measured(Case(name, 2, 5, scale=0.5))
    moved = abs(m.z_next[:, :, None] - m.z[:, None, :]).min(2)
    assert (moved.max(0) > 1e-3).all()


def test_unknown_names_options_and_types_are_refused() -> None:
    with pytest.raises(ValueError, match="Received: 'planr'. Did you mean 'planar'"):
        flows.get("planr")
    with pytest.raises(ValueError, match="Received: 'hiden'. Did you mean 'hidden'"):
        flows.get({"name": "affine_coupling", "hiden": (4,)})
    with pytest.raises(TypeError, match="must be a name"):
        flows.get(3)


@pytest.mark.parametrize("depth", [0, -1, 1.5, True])
def test_a_depth_that_counts_nothing_is_refused(depth: Any) -> None:
    with pytest.raises(ValueError, match="`depth` must be a whole number of at least 1"):
        flows.get({"name": "planar", "depth": depth})
    with pytest.raises(ValueError, match="`depth` must be a whole number of at least 1"):
        flows.get("planar", depth=depth)


def test_a_flow_says_whether_its_inverse_is_cheap() -> None:
    cheap = {name: cls.cheap_inverse for name, cls in flows.PARTS.items()}
    assert all(isinstance(value, bool) for value in cheap.values())
    assert cheap["affine_coupling"]
    assert cheap["spline_coupling"]
    assert cheap["householder"]
    assert cheap["reverse"]
    assert not cheap["inverse_autoregressive"]


@pytest.mark.parametrize("name", NAMES)
def test_dim_one_works_or_is_refused_by_name(name: str) -> None:
    flow = flows.get({"name": name, "depth": 2, **options(name)})
    if name in COUPLINGS:
        with pytest.raises(ValueError, match="dim"):
            flow.build((None, 1))
        return
    z = normal(ROWS, 1)
    z_next, _ = on_arrays(built(flow, 1).transform, z)
    np.testing.assert_allclose(on_arrays(flow.invert, z_next)[0], z, rtol=1e-4, atol=1e-4)
