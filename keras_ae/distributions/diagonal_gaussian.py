"""The normal distribution with independent coordinates.

Every function is elementwise and in nats: the caller sums over the axes of its event.
"""

from __future__ import annotations

import math

from keras import ops

from keras_ae.typing import Tensor

LOG_TWO_PI = math.log(2.0 * math.pi)


def log_prob(x: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """Return log N(x; mean, exp(log_var)) of every element, in nats.

    Args:
        x: Points, any shape.
        mean: Means, broadcastable to `x`.
        log_var: Logarithms of the variances, broadcastable to `x`.
    """
    return -0.5 * (LOG_TWO_PI + log_var + ops.square(x - mean) * ops.exp(-log_var))


def kl_standard_normal(mean: Tensor, log_var: Tensor) -> Tensor:
    """Return KL(N(mean, exp(log_var)) || N(0, 1)) of every element, in nats.

    Reference: Kingma and Welling (2014), https://arxiv.org/abs/1312.6114, appendix B.
    """
    return 0.5 * (ops.square(mean) + ops.expm1(log_var) - log_var)


def kl(mean: Tensor, log_var: Tensor, other_mean: Tensor, other_log_var: Tensor) -> Tensor:
    """Return KL(N(mean, exp(log_var)) || N(other_mean, exp(other_log_var))), elementwise, nats.

    Reference: Kullback (1959), "Information Theory and Statistics", chapter 9, section 1.
    """
    gap = log_var - other_log_var
    shift = ops.square(mean - other_mean) * ops.exp(-other_log_var)
    return 0.5 * (shift + ops.expm1(gap) - gap)


def rate_of_log_variance(log_var: float) -> float:
    """Return KL(N(0, exp(log_var)) || N(0, 1)), nats, of a plain number."""
    return 0.5 * (math.expm1(log_var) - log_var)


def sample(mean: Tensor, log_var: Tensor, epsilon: Tensor) -> Tensor:
    """Return mean + exp(log_var / 2) * epsilon, the reparameterised draw.

    Reference: Kingma and Welling (2014), https://arxiv.org/abs/1312.6114, section 2.4.
    """
    return mean + ops.exp(0.5 * log_var) * epsilon
