"""The binary Concrete distribution: bits relaxed to numbers between 0 and 1, elementwise."""

from __future__ import annotations

from keras import ops

from keras_ae.typing import Tensor


def sample(logits: Tensor, temperature: Tensor | float, uniform: Tensor) -> Tensor:
    """Return sigmoid((logits + Logistic noise) / temperature).

    Args:
        logits: Log-odds of a 1, any shape.
        temperature: Positive; the smaller, the closer to bits.
        uniform: Draws from [0, 1) of the shape of `logits`.

    Reference: Maddison, Mnih and Teh (2017), https://arxiv.org/abs/1611.00712, appendix B.
    """
    return ops.sigmoid(sample_logit(logits, temperature, uniform))


def sample_logit(logits: Tensor, temperature: Tensor | float, uniform: Tensor) -> Tensor:
    """Return the log-odds of `sample`, which no temperature makes infinite."""
    # Half a step of a uniform float32 number: 0 stands for what is rounded to it.
    inside = ops.clip(uniform, 2.0**-25, 1.0 - 2.0**-24)
    return (logits + ops.log(inside) - ops.log1p(-inside)) / temperature


def log_prob_logit(value: Tensor, logits: Tensor, temperature: Tensor | float) -> Tensor:
    """Return the log-density of log-odds as `sample_logit` draws them, elementwise, nats.

    Args:
        value: Log-odds of relaxed bits.
        logits: Log-odds of a 1.
        temperature: Positive.

    Reference: Maddison, Mnih and Teh (2017), https://arxiv.org/abs/1611.00712, appendix C.3.2.
    """
    temperature = ops.cast(temperature, "float32")
    # The Logistic density is even: nothing cancels on its left.
    distance = ops.abs(logits - temperature * value)
    return ops.log(temperature) - distance - 2.0 * ops.log1p(ops.exp(-distance))


def kl_fair(logits: Tensor) -> Tensor:
    """Return KL(Bernoulli(sigmoid(logits)) || Bernoulli(1/2)), elementwise, nats, at least 0.

    It is the divergence of the bits themselves, not of their relaxation.
    """
    size = ops.abs(logits)
    # log(2) - log(1 + exp(-size)), which cancels near 0.
    log_ratio = -ops.log1p(0.5 * ops.expm1(-size))
    return ops.maximum(log_ratio - size * ops.sigmoid(-size), 0.0)
