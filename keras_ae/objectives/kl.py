"""The divergence of the posterior from the prior, and three ways to keep it from vanishing."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.objectives.rate import Rate, divergence, has_closed_form, parts_of_divergence
from keras_ae.objectives.weight import ControlledWeight, Weight, checked_weight, value_at
from keras_ae.parts import checked_claim, checked_non_negative
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class KLDivergence(Rate):
    """The rate KL(q(z | x) || p(z)): in closed form where one is known, else at the draw.

    Args:
        weight: The term's multiplier, beta: a number, a schedule (`LinearWarmup`,
            `CyclicalWarmup`), or a `ControlledWeight` that holds the rate at a target.

    Reference:
        Kingma and Welling (2014), https://arxiv.org/abs/1312.6114, equation 3, first term, and
        appendix B.
    """

    def __init__(self, weight: Weight = 1.0) -> None:
        super().__init__(weight, name="kl")

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return the divergence, `(batch,)`, nats."""
        return divergence(model, outputs, batch)


@keras.saving.register_keras_serializable("keras_ae.objectives")
class KLCapacity(Rate):
    """How far the rate of each example is from a capacity: |KL(q(z | x) || p(z)) - C|.

    Args:
        weight: The term's multiplier: gamma of the paper, large.
        capacity: C in nats, not negative, or a schedule over training steps, such as
            `LinearWarmup(steps, end=25.0)`.
        part: Of which part of a code the rate is, one that the posterior names ("continuous" or
            "discrete" of `Joint`); of the whole code when None.

    Reference:
        Burgess et al. (2018), https://arxiv.org/abs/1804.03599, equation 8; Dupont (2018),
        https://arxiv.org/abs/1804.00104, equation 7, for the parts. Their code holds the mean of a
        batch's rates, which presses each example's less.
    """

    def __init__(
        self, weight: Weight = 1000.0, capacity: Weight = 25.0, part: str | None = None
    ) -> None:
        super().__init__(weight, name="kl_capacity" if part is None else f"{part}_capacity")
        self.part = part
        if isinstance(capacity, ControlledWeight):
            raise ValueError(
                "`capacity` must be a finite number that is not negative, or a Keras schedule. "
                "Received: a ControlledWeight, which follows a term's values. Pass it as `weight`."
            )
        self.capacity = checked_weight("capacity", capacity)

    def attach(self, model: Any) -> None:
        """Refuse a model without a rate, or one whose code has not this part.

        Raises:
            ValueError: As said.
        """
        super().attach(model)
        if self.part is not None and self.part not in model.bottleneck.parts:
            raise ValueError(
                f"`part` must be one of {sorted(model.bottleneck.parts)}, the parts of the code of "
                f"{type(model.bottleneck).__name__}. Received: part={self.part!r}"
            )

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return |KL - C|, `(batch,)`, nats."""
        rate = self.score(model, batch, outputs)
        return ops.abs(rate - value_at(self.capacity, model.step))

    def score(self, model: Any, batch: Batch, outputs: Outputs) -> Tensor:
        """Return the divergence of each example, or of its part, `(batch,)`, nats."""
        if self.part is None:
            return divergence(model, outputs, batch)
        rates = parts_of_divergence(model, outputs, batch.condition)
        return ops.sum(rates[:, model.bottleneck.parts[self.part]], axis=1)


@keras.saving.register_keras_serializable("keras_ae.objectives")
class FreeBits(Rate):
    """The rate above what is free: sum_j max(lambda, mean over the batch of KL_j).

    Below lambda a part of the code costs nothing more, so that it may be used. The parts are the
    posterior's coordinates where its divergence is known in closed form, else the whole code.

    Args:
        weight: The term's multiplier.
        free: lambda, nats for each part.
        of_parts: Whether parts are those that the posterior names: the levels of a hierarchy.

    Reference:
        Kingma et al. (2016), https://arxiv.org/abs/1606.04934, equation 15 (appendix C.8).
    """

    of_batch = True

    def __init__(self, weight: Weight = 1.0, free: float = 0.125, of_parts: bool = False) -> None:
        super().__init__(weight, name="free_bits")
        self.free = checked_non_negative("free", free)
        self.of_parts = checked_claim("of_parts", of_parts)

    def attach(self, model: Any) -> None:
        """Refuse a model without a rate, or one whose code has no parts.

        Raises:
            ValueError: As said.
        """
        super().attach(model)
        if self.of_parts and not model.bottleneck.parts:
            raise ValueError(
                "free bits of parts need a posterior that names such. Received: "
                f"{type(model.bottleneck).__name__}. Take of_parts=False, or a hierarchy."
            )

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return the sum over parts, a scalar of the whole batch, nats."""
        if has_closed_form(model):
            parts = parts_of_divergence(model, outputs, batch.condition)
        else:
            parts = divergence(model, outputs, batch)
        if self.of_parts:
            slices = model.bottleneck.parts.values()
            parts = ops.stack([ops.sum(parts[:, part], axis=1) for part in slices], axis=1)
        return ops.sum(ops.maximum(ops.mean(parts, axis=0), self.free))
