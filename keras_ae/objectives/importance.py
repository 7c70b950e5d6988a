"""Importance-weighted bounds on log p(x), and the gradients that have been proposed for them."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, get_args

import keras
from keras import ops

from keras_ae.distributions import special
from keras_ae.objectives import draws
from keras_ae.objectives.rate import check_rate, divergence
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_size, is_number
from keras_ae.typing import Batch, Outputs, Tensor

Gradient = Literal["plain", "stl", "dreg", "partial"]


class Shares(NamedTuple):
    """By how much each draw's log-weight moves the networks, `(rows, estimates, samples)` each.

    Args:
        decoder: For the decoder and the prior.
        encoder: For the posterior.
    """

    decoder: Tensor
    encoder: Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class ImportanceWeighted(Term):
    """The negative importance-weighted bound -1/M sum_m log 1/K sum_k w_mk on log p(x).

    w = p(x | z) p(z) / q(z | x) at M K draws of the posterior, which take the place of the forward
    pass's one. The value is the bound itself, whatever gradient is taken. `elbo_share` mixes the
    evidence lower bound of the same draws in.

    "plain" is the bound's own gradient. "stl" leaves out the score of the posterior, whose mean is
    0 at K = 1 and which is noise; for more draws that is biased. "dreg" is without that bias: the
    posterior follows the squares of the normalised weights. "partial" moves the posterior by the
    bound of M estimates and decoder and prior by the tighter one of all M K draws, which is the
    value then. A score (`model.score`) has the terms of the ELBO at the code.

    Args:
        samples: K, draws of each estimate.
        estimates: M, over which bounds are averaged.
        gradient: "plain", "stl", "dreg" or "partial".
        elbo_share: beta, from 0 to 1.
        weight: The term's multiplier.

    Reference:
        Burda et al. (2016), https://arxiv.org/abs/1509.00519, equations 8 and 14; Rainforth et al.
        (2018), https://arxiv.org/abs/1802.04537, for M, the share and "partial"; Roeder
        et al. (2017), https://arxiv.org/abs/1703.09194, for "stl"; Tucker et al. (2019),
        https://arxiv.org/abs/1810.04152, equation 8, for "dreg".
    """

    scores = True

    def __init__(
        self,
        samples: int = 50,
        estimates: int = 1,
        gradient: Gradient = "plain",
        elbo_share: float = 0.0,
        weight: Weight = 1.0,
    ) -> None:
        super().__init__(weight, name="importance_weighted")
        self.samples = checked_size("samples", samples)
        self.estimates = checked_size("estimates", estimates)
        if gradient not in get_args(Gradient):
            raise ValueError(
                f"`gradient` must be one of {get_args(Gradient)}. Received: gradient={gradient!r}"
            )
        if not is_number(elbo_share) or not 0 <= elbo_share <= 1:
            raise ValueError(f"`elbo_share` must be in [0, 1]. Received: elbo_share={elbo_share!r}")
        if gradient == "partial" and elbo_share:
            raise ValueError(
                "a partial gradient has bounds of its own for each network, without a share of "
                f"the ELBO. Received: elbo_share={elbo_share}"
            )
        self.gradient, self.elbo_share = gradient, float(elbo_share)

    def attach(self, model: Any) -> None:
        """Refuse a model without a posterior or a prior, or whose draws have no density.

        Raises:
            ValueError: As said.
        """
        check_rate(type(self).__name__, model)
        code = type(model.bottleneck).__name__
        if model.bottleneck.relaxes:
            raise ValueError(
                "importance weights need draws whose density is known in training. Received: "
                f"{code}, whose draws are relaxed there. Take `KLDivergence`."
            )
        if self.gradient in ("stl", "dreg") and not model.bottleneck.has_paths:
            raise ValueError(
                f"the gradient {self.gradient!r} needs a posterior whose density moves with a draw "
                f"alone. Received: {code}, one part of which depends on another. "
                "Take gradient='plain'."
            )

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return the negative bound, `(batch,)`, nats."""
        parameters = {key: outputs[key] for key in model.bottleneck.reports}
        made = draws.drawn(model, batch, parameters, self.samples * self.estimates, training)
        if self.gradient == "plain":
            return -self.bound(self._log_weights(model, made, made.outputs, training))
        if self.gradient == "stl":
            return -self.bound(self._log_weights(model, made, _at_draw(made.outputs), training))
        return -self._surrogate(model, made, training)

    def score(self, model: Any, batch: Batch, outputs: Outputs) -> Tensor:
        """Return -log p(x | z) + KL(q(z | x) || p(z)) at the code, `(batch,)`, nats."""
        density = model.likelihood.log_prob(outputs["decoded"], batch.target, batch.mask)
        return divergence(model, outputs, batch) - density

    def bound(self, log_weights: Tensor) -> Tensor:
        """Return the bound of log-weights `(rows, estimates, samples)`, `(rows,)`, nats."""
        if self.gradient == "partial":
            log_weights = ops.reshape(log_weights, (-1, 1, self.estimates * self.samples))
        each = ops.logsumexp(log_weights, axis=-1) - math.log(log_weights.shape[-1])
        bound = ops.mean(each, axis=-1)
        if not self.elbo_share:
            return bound
        elbo = ops.mean(log_weights, axis=(1, 2))
        return self.elbo_share * elbo + (1.0 - self.elbo_share) * bound

    def shares(self, log_weights: Tensor) -> Shares:
        """Return what "dreg" and "partial" multiply the gradients of log-weights by."""
        apart = ops.exp(special.log_softmax(log_weights)) / self.estimates
        if self.gradient == "partial":
            flat = ops.reshape(log_weights, (-1, self.estimates * self.samples))
            together = ops.reshape(
                ops.exp(special.log_softmax(flat)), (-1, self.estimates, self.samples)
            )
            return Shares(together, apart)
        even = self.elbo_share / (self.estimates * self.samples)
        rest = 1.0 - self.elbo_share
        return Shares(even + rest * apart, even + rest * apart * apart * self.estimates)

    def _surrogate(self, model: Any, made: draws.Draws, training: bool) -> Tensor:
        """Return the bound, whose gradient has a share for the decoder and one for the encoder."""
        held = _held(made.outputs)
        at_fixed_draws = self._log_weights(model, made, held, training)
        log_weights = ops.stop_gradient(at_fixed_draws)
        decoder, encoder = map(ops.stop_gradient, self.shares(log_weights))
        if self.gradient == "partial":
            # These move the decoder too, by the encoder's share, which is taken off again.
            moving = self._log_weights(model, made, made.outputs, training)
            moved = encoder * moving + (decoder - encoder) * at_fixed_draws
        else:
            # The gradient that reaches a draw is the decoder's share of it; a part of that is left.
            part = ops.reshape(encoder / ops.maximum(decoder, 1e-30), (-1,))
            z, fixed = made.outputs["latent"], held["latent"]
            part = ops.reshape(part, (-1, *(1,) * (len(z.shape) - 1)))
            moving = {**held, "latent": part * z + (1.0 - part) * fixed}
            moved = decoder * self._log_weights(model, made, moving, training)
        surrogate = ops.sum(moved, axis=(1, 2))
        return self.bound(log_weights) + surrogate - ops.stop_gradient(surrogate)

    def _log_weights(
        self, model: Any, made: draws.Draws, outputs: Outputs, training: bool
    ) -> Tensor:
        """Return log p(x | z) p(z) / q(z | x), `(rows, estimates, samples)`."""
        samples = self.samples * self.estimates
        decoded = model.decoded_of(outputs, made.batch, training)
        density = draws.log_likelihood(model, decoded, made.batch, samples, training)
        log_weights = density - draws.rate(model, outputs, made.batch, samples)
        return ops.reshape(log_weights, (-1, self.estimates, self.samples))


def _at_draw(outputs: Outputs) -> Outputs:
    """Return outputs whose density moves with the draw alone, its parameters held fixed."""
    return {**_held(outputs), "latent": outputs["latent"]}


def _held(outputs: Outputs) -> Outputs:
    return {key: ops.stop_gradient(value) for key, value in outputs.items()}
