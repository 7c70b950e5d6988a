from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import EntropyBottleneck, Hyperprior, entropy

SMALL: dict[str, Any] = {"hyper_dim": 2, "hyper_hidden": [4]}


def numbers(tensor: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(tensor), "float64")


@pytest.mark.parametrize("locations", [True, False])
@pytest.mark.parametrize("shape", [(5,), (7, 5), (6, 5, 5), (3, 4, 2, 5)])
def test_codes_cost_what_their_side_information_tells_and_its_own(
    shape: tuple[int, ...], locations: bool
) -> None:
    code = Hyperprior(3, **SMALL, locations=locations)
    h = np.random.default_rng(0).normal(scale=4, size=(4, *shape)).astype("float32")
    outputs = code(ops.convert_to_tensor(h))
    y = code.to_code(h)
    side = code.side(code.to_side(code.analysis(y if locations else ops.abs(y))))
    np.testing.assert_allclose(numbers(outputs["side"]), numbers(side["latent"]), atol=1e-5)
    np.testing.assert_allclose(numbers(outputs["side_nats"]), numbers(side["nats"]), rtol=1e-5)
    told = code.synthesis(side["latent"])
    assert told.shape == (4, *shape[:-1], 6 if locations else 3)
    where = told[..., 3:] if locations else None
    conditional = code.conditional(y, told[..., :3] + 18, where)
    nats = numbers(conditional["nats"]) + numbers(side["nats"])
    np.testing.assert_allclose(numbers(outputs["nats"]), nats, rtol=1e-5)
    np.testing.assert_allclose(
        numbers(outputs["latent"]), numbers(conditional["latent"]), atol=1e-5
    )


def test_what_is_rounded_can_be_asked_for() -> None:
    code = Hyperprior(3, **SMALL)
    h = np.random.default_rng(0).normal(scale=4, size=(2, 4, 4, 5)).astype("float32")
    outputs, found = code(h), code.unrounded(h)
    medians = numbers(code.side.medians)
    side = np.round(numbers(found["side"])) + medians
    np.testing.assert_allclose(numbers(outputs["side"]), side, atol=1e-5)


def test_impossible_arguments_are_refused() -> None:
    for bad in ({"distribution": "laplace"}, {"locations": 1}, {"hyper_dim": 0}):
        with pytest.raises(ValueError, match="Received"):
            Hyperprior(3, **bad)  # type: ignore[arg-type]


def test_kinds_by_name() -> None:
    given: Any = (3, 2, [4], "gaussian", "noise")
    assert isinstance(entropy.of_kind("factorized", *given), EntropyBottleneck)
    kinds = [entropy.of_kind(kind, *given) for kind in ("scale", "mean_scale")]
    assert [kind.locations for kind in kinds] == [False, True]
    with pytest.raises(ValueError, match="`entropy_model` must be"):
        entropy.of_kind("joint", *given)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_code_may_start_as_the_first_features(size: int) -> None:
    h = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    for code in (Hyperprior(size, 2, [4], straight=True), EntropyBottleneck(size, straight=True)):
        code.build(h.shape)
        y = ops.convert_to_numpy(code.to_code(h))
        np.testing.assert_allclose(y[:, :3], h[:, :size], rtol=1e-6)
        assert not y[:, 3:].any()
