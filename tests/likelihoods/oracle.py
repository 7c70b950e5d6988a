"""What the tests of every likelihood share: the distance from a float64 oracle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from keras import ops

from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods import Likelihood
from tests.gradients import gradient

ULP = 2.0**-23  # between 1 and the next float32
# jax compiles every operation anew for every shape, so that few shapes make quick tests.
ROWS = 1024


class Constant(Draws):
    """Noise that is one number: the ends of [0, 1) are where samplers divide and take logs."""

    def __init__(self, value: float) -> None:
        self.value = value

    def draw(self, kind: str, shape: Any, training: bool) -> Any:
        return ops.full(shape, self.value, "float32")


def blocks(*parameters: Any) -> np.ndarray:
    """Return what a decoder gives: its parameters one after another on the last axis."""
    return np.concatenate(parameters, -1).astype("float32")


def rows(*values: Any) -> list[np.ndarray]:
    """Return all combinations of some values, each float32 `(combinations, 1)`."""
    return [v.reshape(-1, 1).astype("float32") for v in np.meshgrid(*values, indexing="ij")]


def portions(*arrays: Any) -> Iterator[list[Any]]:
    """Give float32 arrays `ROWS` rows at a time, the last row repeated to fill them."""
    for start in range(0, len(arrays[0]), ROWS):
        parts = [a if a is None else np.asarray(a, "f4")[start : start + ROWS] for a in arrays]
        yield [
            p if p is None else np.concatenate([p, np.repeat(p[-1:], ROWS - len(p), 0)])
            for p in parts
        ]


def log_prob(likelihood: Likelihood, decoded: Any, x: Any, mask: Any = None) -> np.ndarray:
    """Return log p(x | z) of float32 arrays, `(batch,)`."""
    found = [ops.convert_to_numpy(likelihood.log_prob(*p)) for p in portions(decoded, x, mask)]
    return np.concatenate(found)[: len(x)]


def log_prob_gradient(likelihood: Likelihood, decoded: Any, x: Any, mask: Any = None) -> np.ndarray:
    """Return d log p(x | z) / d decoded of every row."""

    def of_rows(point: Any, *rest: Any) -> np.ndarray:
        return gradient(lambda v: ops.sum(likelihood.log_prob(v, *rest)), point)

    found = [of_rows(*p) for p in portions(decoded, x, mask)]
    return np.concatenate(found)[: len(x)]


def draws(likelihood: Likelihood, noise: Draws, *parameters: float, count: int = 20_000) -> Any:
    """Return draws of numbers that all have these parameters, `(count,)`."""
    decoded = blocks(*(np.full((count, 1), p) for p in parameters))
    return ops.convert_to_numpy(likelihood.sample(decoded, noise))[:, 0].astype("f8")


def assert_near(got: Any, wanted: Any, tolerance: float = 1e-5, slack: Any = 0.0) -> None:
    """Ask for |got - wanted| <= tolerance max(1, |wanted|) + slack, in float64."""
    got, wanted = np.asarray(got, "f8"), np.asarray(wanted, "f8")
    assert got.shape == wanted.shape
    assert np.isfinite(wanted).all()
    assert np.isfinite(got).all(), f"{(~np.isfinite(got)).sum()} of {got.size} are not finite"
    excess = np.abs(got - wanted) - tolerance * np.maximum(1, np.abs(wanted)) - slack
    worst = np.unravel_index(np.argmax(excess), got.shape)
    assert (excess <= 0).all(), (
        f"{(excess > 0).sum()} of {got.size}; at {worst}: {got[worst]!r} for {wanted[worst]!r}"
    )


def slack(density: Callable[..., np.ndarray], *parameters: Any, ulps: float = 2.0) -> np.ndarray:
    """Return what `ulps` of rounding in each parameter can move a log-density by.

    The parameters are logarithms (or numbers around 1): an exponential in float32 is good to an
    ulp or two of itself, which no form of the density can take back.
    """
    parameters = tuple(np.asarray(p, "f8") for p in parameters)
    total, step = 0.0, 1e-6
    for k, value in enumerate(parameters):
        moved = [(*parameters[:k], value + h, *parameters[k + 1 :]) for h in (step, -step)]
        total = total + np.abs(density(*moved[0]) - density(*moved[1])) / (2 * step)
    return np.asarray(ulps * ULP * total)


def slopes(density: Callable[[np.ndarray], np.ndarray], decoded: Any) -> np.ndarray:
    """Return central differences of a float64 density `(batch, ...)` in `(batch, ...)`."""
    decoded, step = np.asarray(decoded, "f8"), 1e-5
    found = np.zeros_like(decoded)
    for index in np.ndindex(decoded.shape[1:]):
        move = np.zeros_like(decoded)
        move[(slice(None), *index)] = step
        change = density(decoded + move) - density(decoded - move)
        found[(slice(None), *index)] = change.reshape(len(decoded), -1).sum(1) / (2 * step)
    return found


def assert_finite(likelihood: Likelihood, decoded: Any, x: Any) -> None:
    """Ask for finite values and gradients."""
    assert np.isfinite(log_prob(likelihood, decoded, x)).all()
    assert np.isfinite(log_prob_gradient(likelihood, decoded, x)).all()


def assert_mask_counts(likelihood: Likelihood, decoded: Any, x: Any, elements: Any) -> None:
    """Ask for the sum of the observed `elements`, and for no gradient from the others."""
    mask = (np.random.default_rng(0).random(x.shape) < 0.5).astype("f4")
    leading = mask[..., 0]
    assert_near(log_prob(likelihood, decoded, x, mask), (elements * mask).sum((1, 2)))
    wanted = (elements * leading[..., None]).sum((1, 2))
    assert_near(log_prob(likelihood, decoded, x, leading), wanted)
    none = np.zeros_like(mask)
    assert not log_prob(likelihood, decoded, x, none).any()
    assert not log_prob_gradient(likelihood, decoded, x, none).any()


def distance(drawn: np.ndarray, cdf: Callable[[np.ndarray], np.ndarray]) -> float:
    """Return the greatest difference of two distribution functions at the values drawn."""
    values, counts = np.unique(drawn.astype("f8"), return_counts=True)
    return float(np.abs(np.cumsum(counts) / drawn.size - cdf(values)).max())
