"""How much what is decoded moves with the code."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import keras
from keras import ops

from keras_ae.backend.recurrent import written_out
from keras_ae.distributions.event import sum_event
from keras_ae.distributions.noise import Noise
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_size
from keras_ae.typing import Batch, Outputs, Tensor

Estimator = Literal["exact", "hutchinson"]


@keras.saving.register_keras_serializable("keras_ae.objectives")
class DecoderGradient(Term):
    """The squared Frobenius norm of the decoder's Jacobian at the codes: |dD(z)/dz|_F^2.

    D(z) is the mean E[x | z] in normalised units. It is a penalty on the decoder alone: codes are
    held fixed, so that the encoder gets no gradient of it. "exact" takes a derivative along each
    number of the code, "hutchinson" along random directions v ~ N(0, I): E |J v|^2 = |J|_F^2.

    Args:
        weight: The term's multiplier: lambda.
        estimator: "exact" or "hutchinson".
        probes: Number of random directions for each example, for "hutchinson".

    Reference:
        Ghosh et al. (2020), https://arxiv.org/abs/1903.12436, section 3.1: L_REG of RAE-GP;
        Gulrajani et al. (2017), https://arxiv.org/abs/1704.00028, whose penalty it is without its
        aim of 1.
    """

    def __init__(
        self, weight: Weight = 1.0, estimator: Estimator = "hutchinson", probes: int = 1
    ) -> None:
        super().__init__(weight)
        if estimator not in get_args(Estimator):
            raise ValueError(
                f"`estimator` must be 'exact' or 'hutchinson'. Received: estimator={estimator!r}"
            )
        self.estimator, self.probes = estimator, checked_size("probes", probes)
        self.noise = Noise()

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return |dD/dz|_F^2, `(batch,)`, float32."""
        z = ops.stop_gradient(ops.cast(outputs["latent"], "float32"))
        exact = self.estimator == "exact"
        copies = math.prod(model.latent_shape) if exact else self.probes
        points, condition = _repeated(z, copies), batch.condition
        told = None if condition is None else _repeated(condition, copies)
        if exact:
            along = _every_direction(ops.shape(z)[0], model.latent_shape)
        else:
            along = self.noise.normal(ops.shape(points), "float32", training)

        def decode(codes: Tensor) -> Tensor:
            decoded = model.decoded_tensor(codes, told, False)
            return ops.cast(model.likelihood.mean(decoded), "float32")

        # The deterministic path: state that advances cannot be differentiated on torch.
        with written_out():
            _, moved = ops.jvp(decode, (points,), (along,))
        squares = ops.reshape(sum_event(ops.square(moved)), (copies, -1))
        return ops.sum(squares, axis=0) if exact else ops.mean(squares, axis=0)


def _repeated(a: Tensor, copies: int) -> Tensor:
    """Return all rows once, then all of them again, and so on."""
    return ops.concatenate([a] * copies) if copies > 1 else a


def _every_direction(rows: Tensor, latent_shape: tuple[int, ...]) -> Tensor:
    """Return unit vectors along each number of a code, all rows along the first one first."""
    size = math.prod(latent_shape)
    units = ops.repeat(ops.eye(size, dtype="float32"), rows, axis=0)
    return ops.reshape(units, (-1, *latent_shape))
