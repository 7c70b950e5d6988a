"""Penalties that keep most numbers of a code near zero."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.distributions.event import sum_event
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.parts import is_number
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class L1Sparsity(Term):
    """The absolute size of the code: sum_j |z_j|.

    Args:
        weight: The term's multiplier: lambda.

    Reference:
        Olshausen and Field (1996), https://doi.org/10.1038/381607a0, equation 2, with S(x) = |x|.
    """

    def __init__(self, weight: Weight = 1e-3) -> None:
        super().__init__(weight, name="l1_sparsity")

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return sum_j |z_j|, `(batch,)`."""
        return sum_event(ops.abs(ops.cast(outputs["latent"], "float32")))


@keras.saving.register_keras_serializable("keras_ae.objectives")
class KLSparsity(Term):
    """How far each unit's mean activation is from its target: sum_j KL(rho || rho_hat_j).

    rho_hat_j is the mean of unit j over the batch, so the code must lie in [0, 1] (a sigmoid) and
    the value is a property of the batch: a scalar, in nats.

    Args:
        weight: The term's multiplier: beta of the reference.
        target: rho, the wanted mean activation, in (0, 1).

    Reference:
        Ng (2011), "Sparse autoencoder", CS294A lecture notes, section 3,
        https://web.stanford.edu/class/cs294a/sparseAutoencoder_2011new.pdf.
    """

    of_batch = True

    def __init__(self, weight: Weight = 1.0, target: float = 0.05) -> None:
        super().__init__(weight, name="kl_sparsity")
        if not is_number(target) or not 0.0 < target < 1.0:
            raise ValueError(f"`target` must be in (0, 1). Received: target={target!r}")
        self.target = float(target)

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return sum_j rho log(rho / rho_hat_j) + (1 - rho) log((1 - rho) / (1 - rho_hat_j))."""
        mean = ops.mean(ops.cast(outputs["latent"], "float32"), axis=0)
        # A unit that is off or on for a whole batch would make the logarithm infinite.
        mean = ops.clip(mean, 1e-7, 1.0 - 1e-7)
        rho = self.target
        divergence = rho * ops.log(rho / mean) + (1 - rho) * ops.log((1 - rho) / (1 - mean))
        return ops.sum(divergence)
