"""The Gaussian likelihood whose one variance is found, not chosen."""

from __future__ import annotations

import math
from typing import Literal

import keras
from keras import ops

from keras_ae.backend.distributed import sum_over_replicas
from keras_ae.backend.whole_batch import over_batch
from keras_ae.distributions import diagonal_gaussian
from keras_ae.distributions.event import expand_mask, sum_event
from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods.likelihood import Likelihood
from keras_ae.parts import checked_positive, is_number
from keras_ae.typing import Tensor

MAX_LOG_VAR = 20.0


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class CalibratedGaussian(Likelihood):
    """Real numbers around the decoder's output, all with one variance: N(x; mu(z), sigma^2 I).

    The balance of reconstruction and divergence follows from the data instead of from a weight.
    "analytic" takes in training the variance that is best for each batch, its mean squared error
    with rows as they are weighted, and follows it by a moving average, which evaluation and scores
    use; so a row's value outside of training does not depend on other rows. "learned" moves
    log sigma^2 by its gradient.

    Args:
        method: "analytic" or "learned".
        initial_scale: Standard deviation to start from, normalised data units, positive.
        decay: Share of the moving average that stays at each step, in [0, 1), for "analytic"; less
            at first, so that the average is over a tenth of the steps so far.

    Reference:
        Rybkin et al. (2021), https://arxiv.org/abs/2006.13202, section 3. The paper takes the
        batch's variance in evaluation too.

    Example:
        >>> CalibratedGaussian("learned", initial_scale=0.5).decoded_shape((3,))
        (3,)
    """

    def __init__(
        self,
        method: Literal["analytic", "learned"] = "analytic",
        initial_scale: float = 1.0,
        decay: float = 0.99,
    ) -> None:
        super().__init__()
        if method not in ("analytic", "learned"):
            raise ValueError(
                f"`method` must be 'analytic' or 'learned'. Received: method={method!r}"
            )
        if not is_number(decay) or not 0.0 <= decay < 1.0:
            raise ValueError(f"`decay` must be in [0, 1). Received: decay={decay!r}")
        self.method, self.decay = method, float(decay)
        start = 2.0 * math.log(checked_positive("initial_scale", initial_scale))
        state = {"dtype": "float32", "autocast": False, "shape": ()}
        if method == "learned":
            self.log_variance = self.add_weight(initializer=_constant(start), **state)
        else:
            state["trainable"] = False
            self.variance = self.add_weight(initializer=_constant(math.exp(start)), **state)
            self.steps = self.add_weight(initializer="zeros", **state)

    def log_prob(
        self,
        decoded: Tensor,
        x: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Return log N(x; mu, sigma^2 I) of the observed numbers, `(batch,)`, nats."""
        decoded, x = ops.cast(decoded, "float32"), ops.cast(x, "float32")
        log_var = self._log_variance()
        if training and self.method == "analytic":
            squared = ops.stop_gradient(ops.square(x - decoded))
            log_var = ops.log(self._of_batch(squared, mask, weight))
        return sum_event(diagonal_gaussian.log_prob(x, decoded, log_var), mask)

    def mean(self, decoded: Tensor) -> Tensor:
        """Return mu."""
        return ops.cast(decoded, "float32")

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return mu + sigma * epsilon."""
        mean = self.mean(decoded)
        return diagonal_gaussian.sample(mean, self._log_variance(), noise.normal(ops.shape(mean)))

    def _log_variance(self) -> Tensor:
        if self.method == "learned":
            return ops.clip(ops.convert_to_tensor(self.log_variance), -MAX_LOG_VAR, MAX_LOG_VAR)
        return ops.log(ops.convert_to_tensor(self.variance))

    def _of_batch(self, squared: Tensor, mask: Tensor | None, weight: Tensor | None) -> Tensor:
        """Return the weighted mean squared error of the observed numbers of a batch; follow it.

        No gradient is needed: at its best the variance has none.
        """
        counts = ops.ones_like(squared)
        if mask is not None:
            counts = counts * ops.cast(expand_mask(mask, squared) > 0, "float32")
        if weight is not None:
            counts = counts * expand_mask(weight, squared)
        sums = [ops.sum(squared * counts), ops.sum(counts)]
        over_batch(self._follow, sums)
        return _mean(*map(sum_over_replicas, sums))

    def _follow(self, error: Tensor, count: Tensor) -> None:
        # The memory is a tenth of the steps so far: what a model errs before it has learned
        # anything is soon forgotten.
        variance, steps = (ops.convert_to_tensor(v) for v in (self.variance, self.steps))
        rate = ops.maximum(10.0 / (steps + 10.0), 1.0 - self.decay)
        moved = (1.0 - rate) * variance + rate * _mean(error, count)
        # A batch without an observed number says nothing.
        seen = count > 0
        self.variance.assign(ops.where(seen, moved, variance))
        self.steps.assign(steps + ops.cast(seen, "float32"))


def _mean(error: Tensor, count: Tensor) -> Tensor:
    return ops.maximum(error / ops.where(count > 0, count, 1.0), math.exp(-MAX_LOG_VAR))


def _constant(value: float) -> keras.initializers.Initializer:
    return keras.initializers.Constant(value)
