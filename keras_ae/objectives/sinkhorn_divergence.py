"""The Sinkhorn divergence of the codes from the prior: optimal transport, made smooth."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.backend.loops import repeat
from keras_ae.objectives.matching import Matching, about_their_mean, squared_distances
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_positive, checked_size
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class SinkhornDivergence(Matching):
    """S(a, b) = W(a, b) - (W(a, a) + W(b, b)) / 2, with W the transport's cost and its entropy.

    W(a, b) = min over plans P of sum_ij P_ij |a_i - b_j|^2 + epsilon KL(P || uniform), of
    uniform weights 1 / n. It is zero for equal sets, where W alone is not; a small epsilon comes
    near the squared 2-Wasserstein distance, a large one near the squared distance of the means.

    The potentials are found in `iterations` steps in the log domain, in whose first half epsilon
    falls from the largest cost, and are held fixed: the gradient of W by the cost is the plan,
    whatever the way to it. What the last steps lack is less than a tenth of the gradient with the
    defaults, and more with a smaller epsilon.

    Args:
        weight: The term's multiplier: beta.
        epsilon: Strength of the entropy, in units of the mean squared distance of two draws of a
            standard normal, 2 d for codes of d numbers.
        iterations: Steps of Sinkhorn's algorithm, each of both potentials.

    Reference:
        Patrini et al. (2020), https://arxiv.org/abs/1810.01118, section 4, with the squared
        distance for the cost; Feydy et al. (2019), https://arxiv.org/abs/1810.08278, equations 3,
        for the divergence, and 8 to 10, for the potentials.

    Example:
        >>> SinkhornDivergence(10.0, epsilon=0.05).name
        'sinkhorn_divergence'
    """

    def __init__(self, weight: Weight = 1.0, epsilon: float = 0.01, iterations: int = 50) -> None:
        super().__init__(weight)
        self.epsilon = checked_positive("epsilon", epsilon)
        if epsilon < 1e-4:
            raise ValueError(
                "`epsilon` must be at least 1e-4: less is lost in rounding. "
                f"Received: epsilon={epsilon}"
            )
        self.iterations = checked_size("iterations", iterations)

    def distance(self, codes: Tensor, drawn: Tensor, training: bool) -> Tensor:
        """Return the divergence of two sets of vectors, a scalar."""
        epsilon = self.epsilon * 2.0 * codes.shape[1]
        return sinkhorn_divergence(codes, drawn, epsilon, self.iterations)


def sinkhorn_divergence(a: Tensor, b: Tensor, epsilon: float, iterations: int) -> Tensor:
    """Return S(a, b) of two sets of vectors with uniform weights, a scalar.

    Args:
        a: `(n, d)`.
        b: `(m, d)`.
        epsilon: Strength of the entropy, in units of squared distances.
        iterations: Steps of Sinkhorn's algorithm.
    """
    a, b = about_their_mean(a, b)
    between, among_a, among_b = (
        squared_distances(a, b),
        squared_distances(a, a),
        squared_distances(b, b),
    )
    alike = transport_cost(among_a, epsilon, iterations) + transport_cost(
        among_b, epsilon, iterations
    )
    return transport_cost(between, epsilon, iterations) - 0.5 * alike


def transport_cost(cost: Tensor, epsilon: float, iterations: int) -> Tensor:
    """Return min over P of <P, cost> + epsilon KL(P || uniform), uniform margins, a scalar.

    Args:
        cost: `(n, m)`.
        epsilon: Strength of the entropy.
        iterations: Steps of Sinkhorn's algorithm.
    """
    fixed = ops.stop_gradient(cost)

    # A strong entropy is met in a few steps, and a weak one from there.
    excess = ops.log(ops.maximum(ops.max(fixed) / epsilon, 1.0))

    def step(i: Any, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        left = ops.maximum(1.0 - 2.0 * ops.cast(i, "float32") / iterations, 0.0)
        strength = epsilon * ops.exp(left * excess)
        f = _softmin(fixed - state[1][None, :], strength, axis=1)
        return f, _softmin(fixed - f[:, None], strength, axis=0)

    start = ops.zeros_like(fixed[:, 0]), ops.zeros_like(fixed[0, :])
    f, g = map(ops.stop_gradient, repeat(iterations, step, start))
    # Each column sums to 1 / m whatever the rounding of large costs.
    plan = ops.softmax((f[:, None] - fixed) / epsilon, axis=0)
    plan = plan / ops.cast(ops.shape(cost)[1], "float32")
    # The value of the dual, with the gradient by the cost that it has where it is largest: P.
    dual = ops.mean(f) + ops.mean(g)
    return dual + ops.sum(ops.stop_gradient(plan) * (cost - fixed))


def _softmin(cost: Tensor, epsilon: Tensor, axis: int) -> Tensor:
    """Return -epsilon log mean exp(-cost / epsilon) over an axis."""
    scaled = -cost / epsilon
    count = ops.cast(ops.shape(cost)[axis], "float32")
    return -epsilon * (ops.logsumexp(scaled, axis=axis) - ops.log(count))
