"""What posteriors share whose draws are moved by the dynamics of the model's log p(x, z)."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, final

import keras
from keras import ops

from keras_ae.backend.gradients import gradient_of
from keras_ae.backend.recurrent import written_out
from keras_ae.bottlenecks.diagonal_gaussian import bounded
from keras_ae.bottlenecks.posterior import Posterior, head
from keras_ae.distributions import diagonal_gaussian
from keras_ae.distributions.event import sum_event
from keras_ae.distributions.leapfrog import Slope
from keras_ae.parts import checked_claim, checked_size, is_number
from keras_ae.typing import Batch, Outputs, Tensor

MAX_STEP = 1.0
MIN_BETA = 0.01


class Dynamics(Posterior):
    """z_0 ~ N(mean(h), diag exp(log_var(h))), moved K steps towards p(z | x) by a momentum.

    A subclass says how. The steps are bounded: their size, the heat that they begin with, and the
    push of the potential in one step.

    Args:
        latent_dim: Length of the code.
        leapfrog_steps: K.
        step_size: Where the size of the steps starts, of each coordinate, below 1.
        beta_zero: Where the inverse temperature of the first momentum starts, in (0.01, 1]. It is
            learned, unless it is 1.
        learn_step_size: Whether the size of the steps is learned.
    """

    reports = ("base_mean", "base_log_var", "start", "momentum", "log_posterior")
    has_paths = False

    def __init__(
        self,
        latent_dim: int,
        leapfrog_steps: int = 3,
        step_size: float = 0.05,
        beta_zero: float = 0.3,
        learn_step_size: bool = True,
    ) -> None:
        super().__init__()
        latent_dim = checked_size("latent_dim", latent_dim)
        self.latent_shape = (latent_dim,)
        self.leapfrog_steps = checked_size("leapfrog_steps", leapfrog_steps)
        self.step_size = _checked_within("step_size", step_size, 0.0, MAX_STEP)
        is_cold = is_number(beta_zero) and beta_zero == 1
        self.beta_zero = 1.0 if is_cold else _checked_within("beta_zero", beta_zero, MIN_BETA, 1.0)
        self.learn_step_size = checked_claim("learn_step_size", learn_step_size)
        self.mean_head = head(latent_dim, "base_mean")
        self.log_var_head = head(latent_dim, "base_log_var")

    def build_heads(self, flat_shape: Any) -> None:
        """Make the weights of the heads, of the steps' size and of their heat."""
        self.mean_head.build(flat_shape)
        self.log_var_head.build(flat_shape)
        state = {"dtype": "float32", "autocast": False}
        start = keras.initializers.Constant(_log_odds(self.step_size / MAX_STEP))
        self.step_odds = self.add_weight(
            self.latent_shape, start, trainable=self.learn_step_size, name="step_odds", **state
        )
        if self.beta_zero < 1.0:
            share = (self.beta_zero - MIN_BETA) / (1.0 - MIN_BETA)
            start = keras.initializers.Constant(_log_odds(share))
            self.beta_odds = self.add_weight((), start, name="beta_odds", **state)

    def parameters_of(self, features: Tensor) -> Outputs:
        """Return `base_mean` and `base_log_var`, each `(batch, latent_dim)` float32."""
        log_var = bounded(self.log_var_head(features))
        return {"base_mean": self.mean_head(features), "base_log_var": log_var}

    def code(self, parameters: Outputs) -> Outputs:
        """Return the mean of z_0, not moved, and its log-density."""
        mean = parameters["base_mean"]
        return self._unmoved(parameters, mean, ops.zeros_like(mean))

    def draw(self, parameters: Outputs, training: bool = False) -> Outputs:
        """Return z_0, not moved yet, noise for its momentum, and its log-density."""
        mean = parameters["base_mean"]
        noise = [self.noise.normal(ops.shape(mean), "float32", training) for _ in range(2)]
        start = diagonal_gaussian.sample(mean, parameters["base_log_var"], noise[0])
        return self._unmoved(parameters, start, noise[1])

    def refine(self, model: Any, batch: Batch, outputs: Outputs, training: bool = False) -> Outputs:
        """Return the outputs with z_K, and log q(z_0 | x) less what the momenta gain.

        The decoder is taken as it is outside of training: no other row moves a code, and no code
        a moving average.
        """
        start, noise = outputs["start"], outputs["momentum"]
        latent, gain = self.moved(model, batch, start, noise)
        base = self._unmoved(outputs, start, noise)["log_posterior"]
        return {**outputs, "latent": latent, "log_posterior": base - gain}

    @abstractmethod
    def moved(self, model: Any, batch: Batch, z: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return z_K `(batch, latent_dim)`, and the gain of the momenta's log-density, `(batch,)`.

        Args:
            model: The model.
            batch: Normalised rows, as many as draws.
            z: z_0.
            noise: Independent draws of N(0, 1), of which the momentum is made.
        """

    def log_prob(self, outputs: Outputs) -> Tensor:
        """Return the log-density of the way from z_0 to z_K, `(batch,)`, nats.

        It is log q(z_0 | x) of what was not moved; else log q(z_0 | x) and what the log-density of
        the momentum lost, so that log p(x, z_K) less it is a log-weight whose exponential has the
        mean p(x).
        """
        return outputs["log_posterior"]

    @final
    def slope(self, model: Any, batch: Batch) -> Slope:
        """Return the gradient of the potential -log p(x, z) as a function of places.

        Raises:
            ValueError: The model has no prior.
        """
        if model.prior is None:
            raise ValueError(
                f"{type(self).__name__} needs a model with a prior, towards which it moves draws. "
                "Received: prior=None. Pass `prior='standard_normal'`."
            )

        def log_joint(z: Tensor) -> Tensor:
            decoded = model.decoded_tensor(z, batch.condition)
            density = model.likelihood.log_prob(decoded, batch.target, batch.mask)
            return density + model.prior.given(batch.condition).log_prob(z, model)

        def slope(z: Tensor) -> Tensor:
            with written_out():
                return -gradient_of(log_joint, z)

        return slope

    @property
    def step(self) -> Tensor:
        """The size of the steps, `(latent_dim,)`."""
        return MAX_STEP * ops.sigmoid(ops.convert_to_tensor(self.step_odds))

    @property
    def beta(self) -> Tensor:
        """beta_0, a scalar."""
        if self.beta_zero == 1.0:
            return ops.ones((), "float32")
        share = ops.sigmoid(ops.convert_to_tensor(self.beta_odds))
        return MIN_BETA + (1.0 - MIN_BETA) * share

    def _unmoved(self, parameters: Outputs, z: Tensor, noise: Tensor) -> Outputs:
        mean, log_var = parameters["base_mean"], parameters["base_log_var"]
        density = sum_event(diagonal_gaussian.log_prob(z, mean, log_var))
        return {"latent": z, "start": z, "momentum": noise, "log_posterior": density}


def _log_odds(share: float) -> float:
    return math.log(share) - math.log1p(-share)


def _checked_within(name: str, value: Any, low: float, high: float) -> float:
    if not is_number(value) or not low < value < high:
        raise ValueError(
            f"`{name}` must be a number between {low:g} and {high:g}. Received: {name}={value!r}"
        )
    return float(value)
