"""The covariance of codes, drawn to that of an independent prior."""

from __future__ import annotations

from typing import Any, Literal, get_args

import keras
from keras import ops

from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_non_negative
from keras_ae.typing import Batch, Outputs, Tensor

Kind = Literal["i", "ii"]


@keras.saving.register_keras_serializable("keras_ae.objectives")
class InferredPrior(Term):
    """How far the codes' covariance is from I: a sum_(i != j) C_ij^2 + b sum_i (C_ii - 1)^2.

    "i" takes the covariance of the posterior means, C = Cov(mu(x)); "ii" that of the aggregated
    posterior, C = E diag(sigma^2(x)) + Cov(mu(x)). Expectations are over the rows of a batch, as
    they are weighted.

    Args:
        off_diagonal: a, not negative: lambda_od.
        diagonal: b, not negative: lambda_d; 10 a for "i" and a for "ii" when None.
        kind: "i" or "ii".
        weight: The term's multiplier.

    Reference:
        Kumar et al. (2018), https://arxiv.org/abs/1711.00848, equations 5 to 7.
    """

    needs = ("mean", "log_var")
    of_batch = True

    def __init__(
        self,
        off_diagonal: float = 10.0,
        diagonal: float | None = None,
        kind: Kind = "i",
        weight: Weight = 1.0,
    ) -> None:
        super().__init__(weight, name="inferred_prior")
        if kind not in get_args(Kind):
            raise ValueError(f"`kind` must be 'i' or 'ii'. Received: kind={kind!r}")
        self.kind = kind
        self.off_diagonal = checked_non_negative("off_diagonal", off_diagonal)
        usual = self.off_diagonal * (10.0 if kind == "i" else 1.0)
        self.diagonal = usual if diagonal is None else checked_non_negative("diagonal", diagonal)

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return the penalty of the batch, a scalar."""
        mean, log_var = (ops.cast(outputs[key], "float32") for key in ("mean", "log_var"))
        share = _shares(mean, batch.weight)
        centred = mean - ops.sum(share * mean, axis=0)
        covariance = ops.matmul(ops.transpose(share * centred), centred)
        own = ops.diagonal(covariance)
        others = ops.sum(ops.square(covariance)) - ops.sum(ops.square(own))
        if self.kind == "ii":
            own = own + ops.sum(share * ops.exp(log_var), axis=0)
        return self.off_diagonal * others + self.diagonal * ops.sum(ops.square(own - 1.0))


def _shares(rows: Tensor, weight: Tensor | None) -> Tensor:
    """Return by how much each row counts in a mean, `(batch, 1)`, sum 1."""
    ones = ops.ones_like(rows[:, :1])
    counts = ones if weight is None else ones * ops.expand_dims(weight, -1)
    return counts / ops.maximum(ops.sum(counts), 1e-12)
