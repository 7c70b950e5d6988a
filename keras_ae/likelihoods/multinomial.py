"""The multinomial likelihood of counts of one whole: words of a text, items of a basket."""

from __future__ import annotations

import math
from typing import Literal

import keras
from keras import ops

from keras_ae.distributions import gumbel, special
from keras_ae.distributions.event import expand_mask, sum_event
from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods.likelihood import Likelihood, inside
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class Multinomial(Likelihood):
    """Counts along the last axis that share out their total: a softmax over their logits.

    The coefficient n! / prod x_k! is part of the mass. Missing entries leave the counts and the
    probabilities, which are normalised over the rest. The mean and draws are for a total of 1,
    since the decoder does not give the total.

    Args:
        encoder_sees: What encoders are given: "log", log(1 + x), or "unit", x / |x|, which says
            nothing of the total.

    Reference:
        Liang et al. (2018), https://arxiv.org/abs/1802.05814, equation 2. The paper leaves the
        coefficient out, and gives its encoder "unit".

    Example:
        >>> import numpy as np
        >>> counts = np.array([[1.0, 1.0]])
        >>> round(float(Multinomial().log_prob(np.zeros((1, 2)), counts)[0]), 4)
        -0.6931
    """

    masses = True
    support = (0.0, math.inf)
    whole = True
    imputes = False

    def __init__(self, encoder_sees: Literal["log", "unit"] = "log") -> None:
        super().__init__()
        if encoder_sees not in ("log", "unit"):
            raise ValueError(
                f"`encoder_sees` must be 'log' or 'unit'. Received: encoder_sees={encoder_sees!r}"
            )
        self.encoder_sees = encoder_sees

    def encoder_input(self, x: Tensor) -> Tensor:
        """Return log(1 + x) or x / |x|, counts below the support as 0."""
        x = ops.maximum(x, 0.0)
        if self.encoder_sees == "log":
            return ops.log1p(x)
        # Counts beyond 1e19 would overflow when squared.
        x = x / ops.maximum(ops.max(x, axis=-1, keepdims=True), 1.0)
        square = ops.sum(ops.square(x), axis=-1, keepdims=True)
        return x / ops.sqrt(ops.where(square > 0, square, 1.0))

    def check_event(self, event_shape: Shape) -> None:
        """Refuse vectors of one number, whose share is always 1.

        Raises:
            ValueError: As said.
        """
        if event_shape[-1] == 1:
            raise ValueError(
                "the Multinomial likelihood shares totals along the last axis, of 2 numbers or "
                f"more. Received: examples of the shape {event_shape}. Flatten them."
            )

    def log_prob(
        self,
        decoded: Tensor,
        x: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Return the sum over vectors of their log-mass, `(batch,)`, nats.

        It is that of independent Poisson counts, given their total.
        """
        decoded, x = ops.cast(decoded, "float32"), ops.cast(x, "float32")
        if mask is not None:
            observed = expand_mask(mask, x) * ops.ones_like(x) > 0
            decoded, x = ops.where(observed, decoded, -1e9), ops.where(observed, x, 0.0)
        x, penalty = inside(x, self.support, self.whole)
        log_shares = special.log_softmax(decoded, axis=-1)
        total = ops.sum(x, axis=-1, keepdims=True)
        some = ops.where(total > 0, total, 1.0)
        deviances = special.deviance(x, some * ops.exp(log_shares), log_shares + ops.log(some))
        deviances = ops.where(total > 0, deviances, 0.0)
        return _spread(total) - sum_event(deviances + penalty) - _spread(x)

    def mean(self, decoded: Tensor) -> Tensor:
        """Return the shares, whose sum is 1."""
        return ops.softmax(ops.cast(decoded, "float32"), axis=-1)

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return one count for each vector."""
        decoded = ops.cast(decoded, "float32")
        return gumbel.one_hot(decoded, noise.uniform(ops.shape(decoded)))


def _spread(counts: Tensor) -> Tensor:
    """Return the sum over counts of log(n!) - n log(n) + n, `(batch,)`."""
    some = ops.where(counts > 0, counts, 1.0)
    value = special.stirling_error(some) + special.HALF_LOG_TWO_PI + 0.5 * ops.log(some)
    return sum_event(ops.where(counts > 0, value, 0.0))
