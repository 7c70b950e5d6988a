"""What the terms of the rate share: the divergence of a model's posterior from its prior."""

from __future__ import annotations

from typing import Any

from keras import ops

from keras_ae.bottlenecks import Posterior
from keras_ae.bottlenecks.diagonal_gaussian import DiagonalGaussian, log_ratio
from keras_ae.distributions.event import sum_event
from keras_ae.objectives.term import Term
from keras_ae.typing import Batch, Outputs, Tensor


class Rate(Term):
    """A term of KL(q(z | x) || p(z)): in closed form where one is known, else at the draw.

    Without a closed form the divergence is log q(z | x) - log p(z) at the code of the forward
    pass, whose mean over draws it is. A score has the divergence itself, at the code that is not
    drawn, whatever the term makes of it in training.
    """

    scores = True

    def attach(self, model: Any) -> None:
        """Refuse a model without a posterior or a prior.

        Raises:
            ValueError: As said.
        """
        check_rate(type(self).__name__, model)

    def score(self, model: Any, batch: Batch, outputs: Outputs) -> Tensor:
        """Return the divergence of each example, `(batch,)`, nats."""
        return divergence(model, outputs, batch)


def check_rate(what: str, model: Any) -> None:
    """Refuse a model whose code has no rate.

    Args:
        what: Who asks.
        model: The model.

    Raises:
        ValueError: It has no posterior, or no prior.
    """
    if not isinstance(model.bottleneck, Posterior):
        raise ValueError(
            f"{what} needs a bottleneck with a posterior. Received: "
            f"{type(model.bottleneck).__name__}, whose code has no distribution. Take `Gaussian`, "
            "or leave the term out."
        )
    check_prior(what, model)


def check_uncorrupted(what: str, model: Any) -> None:
    """Refuse a corruption under a term whose own passes would not have it.

    Raises:
        ValueError: As said.
    """
    if model.corruption is not None:
        raise ValueError(
            f"{what} encodes rows as they are. Received: "
            f"corruption={type(model.corruption).__name__}. Leave it out."
        )


def check_prior(what: str, model: Any) -> None:
    """Refuse a model that has no prior to compare its codes with.

    Raises:
        ValueError: As said.
    """
    if model.prior is None:
        raise ValueError(
            f"{what} needs a model with a prior. Received: prior=None. "
            "Pass `prior='standard_normal'`."
        )


def has_closed_form(model: Any) -> bool:
    """Return whether the divergence of a model's posterior from its prior is known exactly."""
    return model.prior.family in model.bottleneck.closed_form


def parts_of_divergence(model: Any, outputs: Outputs, condition: Tensor | None) -> Tensor:
    """Return the divergence of each independent part of the code in closed form, `(batch, ...)`.

    Args:
        model: A model of which it is known.
        outputs: The parameters of the posteriors.
        condition: Of each row, as vectors `(batch, size)`, or None.
    """
    return model.bottleneck.kl(outputs, model.prior.given(condition))


def divergence(model: Any, outputs: Outputs, batch: Batch) -> Tensor:
    """Return KL(q(z | x) || p(z)) of each example, or its estimate at the draw, `(batch,)`."""
    if has_closed_form(model):
        parts = parts_of_divergence(model, outputs, batch.condition)
        return sum_event(parts, positions(model, batch))
    return ratio(model, outputs, batch)


def ratio(model: Any, outputs: Outputs, batch: Batch) -> Tensor:
    """Return log q(z | x) - log p(z) of draws, `(batch,)`, nats, of positions that are there.

    Raises:
        ValueError: Some are not, and the prior does not say what each is worth.
    """
    prior, there = model.prior.given(batch.condition), positions(model, batch)
    if there is None:
        return model.bottleneck.log_prob(outputs) - prior.log_prob(outputs["latent"], model)
    if not isinstance(model.bottleneck, DiagonalGaussian) or not has_closed_form(model):
        raise ValueError(
            "codes of which some positions are not there need a prior of independent numbers. "
            f"Received: {type(model.prior).__name__}. Take 'standard_normal', or leave the mask "
            "out."
        )
    return sum_event(log_ratio(outputs, prior), there)


def positions(model: Any, batch: Batch) -> Tensor | None:
    """Return which positions of codes are there, `(batch, positions)`, None where all are.

    A code of every position of an example (a node, a step) is there if an entry of it is observed.
    """
    if batch.mask is None or len(model.latent_shape) == 1:
        return None
    if tuple(model.latent_shape[:-1]) != tuple(model.event_shape[:1]):
        return None
    rows = ops.reshape(batch.mask, (ops.shape(batch.mask)[0], model.event_shape[0], -1))
    return ops.max(rows, axis=-1)
