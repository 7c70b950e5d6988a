"""The rate in three parts: what codes say of the data, of one another, and of the prior."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import keras
from keras import ops

from keras_ae.distributions import diagonal_gaussian
from keras_ae.distributions.event import sum_event
from keras_ae.objectives.rate import check_rate, divergence
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_size
from keras_ae.typing import Batch, Outputs, Tensor

Estimator = Literal["mss", "mws"]
SHARED = "decomposed_kl"


class Densities(NamedTuple):
    """Log-densities at each row's draw, `(batch,)`, nats.

    Args:
        posterior: log q(z | x).
        joint: log q(z) of the aggregated posterior, estimated.
        apart: sum_j log q(z_j), estimated.
        prior: log p(z).
    """

    posterior: Tensor
    joint: Tensor
    apart: Tensor
    prior: Tensor


class DecomposedKL(Term):
    """A part of E KL(q(z | x) || p(z)) = I(x; z) + TC(z) + sum_j KL(q(z_j) || p(z_j)).

    The aggregated posterior q(z) = E_x q(z | x) is estimated from the posteriors of the batch. The
    three parts of a row, by either estimator, sum to log q(z | x) - log p(z) at its draw.

    Args:
        weight: The term's multiplier.
        estimator: "mss", minibatch stratified sampling, or "mws", minibatch weighted sampling.
        dataset_size: N, examples in the data; those that `fit` is given when None.
    """

    of_batch = True

    def __init__(
        self, weight: Weight = 1.0, estimator: Estimator = "mss", dataset_size: int | None = None
    ) -> None:
        super().__init__(weight)
        if estimator not in get_args(Estimator):
            raise ValueError(
                f"`estimator` must be 'mss' or 'mws'. Received: estimator={estimator!r}"
            )
        self.estimator = estimator
        given = None if dataset_size is None else checked_size("dataset_size", dataset_size)
        self.is_given = given is not None
        self.rows = self.add_weight(
            shape=(),
            dtype="float32",
            autocast=False,
            trainable=False,
            initializer=keras.initializers.Constant(given or 0),
            name="rows",
        )

    def attach(self, model: Any) -> None:
        """Refuse a posterior that is not a normal one of independent coordinates.

        Raises:
            ValueError: As said.
        """
        check_rate(type(self).__name__, model)
        if "standard_normal" not in model.bottleneck.closed_form:
            raise ValueError(
                f"{type(self).__name__} needs a posterior that is normal with independent "
                f"coordinates. Received: {type(model.bottleneck).__name__}. Take `Gaussian`."
            )

    def adapt(self, rows: int | None) -> None:
        """Take the number of training rows for N, where none was given.

        Raises:
            ValueError: Nobody knows it.
        """
        if self.is_given:
            return
        if rows is None:
            raise ValueError(
                "`dataset_size` must be given for a stream, whose rows nobody has counted. "
                "Received: dataset_size=None"
            )
        self.rows.assign(rows)

    def densities(self, model: Any, batch: Batch, outputs: Outputs) -> Densities:
        """Return the log-densities that the parts are differences of, computed once a step."""
        if SHARED not in outputs:
            z, mean, log_var = (
                ops.cast(outputs[key], "float32") for key in ("latent", "mean", "log_var")
            )
            # (draws, posteriors, coordinates)
            each = diagonal_gaussian.log_prob(z[:, None], mean, log_var)
            log_weights = log_weights_of(self.estimator, ops.shape(z)[0], self.rows)
            outputs[SHARED] = Densities(
                sum_event(diagonal_gaussian.log_prob(z, mean, log_var)),
                ops.logsumexp(ops.sum(each, axis=2) + log_weights, axis=1),
                ops.sum(ops.logsumexp(each + log_weights[..., None], axis=1), axis=1),
                model.prior.given(batch.condition).log_prob(z, model),
            )
        return outputs[SHARED]


@keras.saving.register_keras_serializable("keras_ae.objectives")
class MutualInformation(DecomposedKL):
    """E log q(z | x) - log q(z): how much codes tell of which example they are of.

    A score (`model.score`) has the whole rate of a row, which does not depend on the others.

    Args:
        weight: The term's multiplier: alpha.
        estimator: "mss" or "mws".
        dataset_size: N; the rows that `fit` is given when None.

    Reference:
        Chen et al. (2018), https://arxiv.org/abs/1802.04942, equation 2, first term.
    """

    scores = True

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return log q(z | x) - log q(z), `(batch,)`, nats."""
        densities = self.densities(model, batch, outputs)
        return densities.posterior - densities.joint

    def score(self, model: Any, batch: Batch, outputs: Outputs) -> Tensor:
        """Return KL(q(z | x) || p(z)), `(batch,)`, nats."""
        return divergence(model, outputs, batch)


@keras.saving.register_keras_serializable("keras_ae.objectives")
class TotalCorrelation(DecomposedKL):
    """E log q(z) - sum_j log q(z_j): how much the coordinates of codes tell of one another.

    Args:
        weight: The term's multiplier: beta.
        estimator: "mss" or "mws".
        dataset_size: N; the rows that `fit` is given when None.

    Reference:
        Chen et al. (2018), https://arxiv.org/abs/1802.04942, equation 2, second term.
    """

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return log q(z) - sum_j log q(z_j), `(batch,)`, nats."""
        densities = self.densities(model, batch, outputs)
        return densities.joint - densities.apart


@keras.saving.register_keras_serializable("keras_ae.objectives")
class DimensionWiseKL(DecomposedKL):
    """E sum_j log q(z_j) - log p(z): how far each coordinate by itself is from the prior.

    Args:
        weight: The term's multiplier: gamma.
        estimator: "mss" or "mws".
        dataset_size: N; the rows that `fit` is given when None.

    Reference:
        Chen et al. (2018), https://arxiv.org/abs/1802.04942, equation 2, third term.
    """

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return sum_j log q(z_j) - log p(z), `(batch,)`, nats."""
        densities = self.densities(model, batch, outputs)
        return densities.apart - densities.prior


def log_weights_of(estimator: str, batch_size: Any, rows: Tensor) -> Tensor:
    """Return the logarithms of what q(z) has of each posterior, `(draws, posteriors)`.

    With B rows in a batch and N in the data, each row of "mws" is 1 / (N B). Of "mss" a row has
    1 / N for the posterior that its draw is of, (N - B + 1) / (N (B - 1)) for one other and
    1 / (B - 1) for the rest, which sum to 1.

    Args:
        estimator: "mss" or "mws".
        batch_size: B.
        rows: N, at least B or taken for B.

    Reference:
        Chen et al. (2018), https://arxiv.org/abs/1802.04942, equation 3 and appendix C.
    """
    size = ops.cast(batch_size, "float32")
    total = ops.maximum(ops.cast(rows, "float32"), size)
    here = ops.arange(batch_size)
    if estimator == "mws":
        return -ops.log(total * size) + ops.zeros((batch_size, batch_size), "float32")
    others = ops.maximum(size - 1.0, 1.0)
    apart = ops.mod(here[None, :] - here[:, None], batch_size)  # 0 for the draw's own
    rest = ops.where(apart == 1, (total - size + 1.0) / (total * others), 1.0 / others)
    return ops.log(ops.where(apart == 0, 1.0 / total, rest))
