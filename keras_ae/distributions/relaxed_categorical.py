"""The Concrete distribution: categories relaxed to points of the simplex, the last axis."""

from __future__ import annotations

import math

from keras import ops

from keras_ae.distributions import gumbel, special
from keras_ae.typing import Tensor


def sample(logits: Tensor, temperature: Tensor | float, uniform: Tensor) -> Tensor:
    """Return softmax((logits + Gumbel noise) / temperature), `(..., categories)`.

    Args:
        logits: Unnormalised log-probabilities, `(..., categories)`.
        temperature: Positive; the smaller, the closer to one-hot vectors.
        uniform: Draws from [0, 1) of the shape of `logits`.

    Reference: Maddison, Mnih and Teh (2017), https://arxiv.org/abs/1611.00712, section 3.2.
    """
    return ops.exp(sample_log(logits, temperature, uniform))


def sample_log(logits: Tensor, temperature: Tensor | float, uniform: Tensor) -> Tensor:
    """Return the logarithm of `sample`, which no temperature makes infinite."""
    return special.log_softmax((logits + gumbel.noise(uniform)) / temperature, axis=-1)


def log_prob(log_y: Tensor, logits: Tensor, temperature: Tensor | float) -> Tensor:
    """Return the log-density of y on the simplex, `(...,)`, nats.

    It is with respect to the Lebesgue measure of all coordinates of y but one.

    Args:
        log_y: Logarithms of y, `(..., categories)`.
        logits: Unnormalised log-probabilities, `(..., categories)`.
        temperature: Positive.

    Reference: Maddison, Mnih and Teh (2017), https://arxiv.org/abs/1611.00712, equation 10.
    """
    categories = logits.shape[-1]
    temperature = ops.cast(temperature, "float32")
    constant = math.lgamma(categories) + (categories - 1) * ops.log(temperature)
    log_ratios = special.log_softmax(logits - temperature * log_y, axis=-1)
    return constant + ops.sum(log_ratios - log_y, axis=-1)


def kl_uniform(logits: Tensor) -> Tensor:
    """Return KL(Categorical(softmax(logits)) || uniform), `(...,)`, nats, at least 0.

    It is the divergence of the categories themselves, not of their relaxation.
    """
    categories = logits.shape[-1]
    log_ratio = special.log_softmax(logits, axis=-1) + math.log(categories)
    # Each term is at least 0, and of the second order where p is nearly uniform: the mean of
    # p log(p) alone is known to 1e-7 only, and its gradient with it.
    terms = log_ratio * ops.exp(log_ratio) - ops.expm1(log_ratio)
    return ops.maximum(ops.sum(terms, axis=-1) / categories, 0.0)
