"""What the priors share that are another distribution under each condition."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from keras import ops

from keras_ae.distributions import diagonal_gaussian
from keras_ae.distributions.event import sum_event
from keras_ae.distributions.noise import Draws
from keras_ae.priors.prior import Prior
from keras_ae.typing import Tensor


class Conditional(Prior):
    """p(z | c), used through `given(condition)`; there is no p(z) without a condition."""

    def check_model(self, model: Any) -> None:
        """Refuse a model without a condition.

        Raises:
            ValueError: As said.
        """
        if model.condition is None:
            raise ValueError(
                "a conditional prior needs a model with a condition. Received: condition=None. "
                "Pass `condition=`, or `prior='standard_normal'`."
            )

    def given(self, condition: Tensor | None) -> Any:
        """Return the distributions under conditions `(batch, size)`.

        Raises:
            ValueError: There are none.
        """
        if condition is None:
            raise ValueError(_UNGIVEN)
        return self.under(condition)

    @abstractmethod
    def under(self, condition: Tensor) -> Any:
        """Return what answers `log_prob`, `sample` and `family` for conditions `(batch, size)`."""

    def log_prob(self, z: Tensor, model: Any = None) -> Tensor:
        """Refuse: there is no density without conditions.

        Raises:
            ValueError: Always.
        """
        raise ValueError(_UNGIVEN)

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Refuse: there are no draws without conditions.

        Raises:
            ValueError: Always.
        """
        raise ValueError(_UNGIVEN)


_UNGIVEN = (
    "a conditional prior must be given conditions before it is used. Received: none. "
    "Call `prior.given(condition)`."
)


class DiagonalNormal:
    """Normals with independent coordinates, one for each row.

    Args:
        mean: `(batch, *latent_shape)`.
        log_var: As many.
    """

    family = "diagonal_normal"

    def __init__(self, mean: Tensor, log_var: Tensor) -> None:
        self.mean, self.log_var = mean, log_var

    def log_prob(self, z: Tensor, model: Any = None) -> Tensor:
        """Return log N(z; mean, diag exp(log_var)), `(batch,)`, nats."""
        z = ops.cast(z, "float32")
        return sum_event(diagonal_gaussian.log_prob(z, self.mean, self.log_var))

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return mean + exp(log_var / 2) * epsilon."""
        epsilon = noise.normal(shape, training=training)
        return diagonal_gaussian.sample(self.mean, self.log_var, epsilon)
