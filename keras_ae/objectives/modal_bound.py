"""The bound of examples with several modalities, together and one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.distributions.event import expand_mask
from keras_ae.likelihoods import MixedTabular
from keras_ae.objectives import draws
from keras_ae.objectives.rate import check_rate, check_uncorrupted, divergence
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_claim, checked_non_negative, checked_positive
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class ModalBound(Term):
    """The negative bound -E_q sum_m lambda_m log p(x_m | z) + beta KL(q(z | x) || p(z)).

    The sum is over the modalities that are there, of which q has seen all. With `singles` the same
    bounds of every modality alone are added, so that each is learned to stand for the others.

    Args:
        scales: lambda, a positive number for each modality; 1 where None.
        beta: Weight of the divergence, not negative.
        singles: Whether modalities are seen alone too.
        weight: The term's multiplier.

    Reference:
        Wu and Goodman (2018), https://arxiv.org/abs/1802.05335, equation 3, and section 2.3 with
        `singles`; its random subsets beyond those are left out.
    """

    scores = True

    def __init__(
        self,
        scales: Sequence[float] | None = None,
        beta: float = 1.0,
        singles: bool = False,
        weight: Weight = 1.0,
    ) -> None:
        super().__init__(weight, name="modal_bound")
        self.scales = None
        if scales is not None:
            self.scales = [checked_positive("scale", scale) for scale in scales]
        self.beta = checked_non_negative("beta", beta)
        self.singles = checked_claim("singles", singles)

    def attach(self, model: Any) -> None:
        """Refuse a model whose likelihood has no groups of columns, or whose code has no rate.

        Raises:
            ValueError: As said.
        """
        check_rate(type(self).__name__, model)
        if self.singles:
            check_uncorrupted(type(self).__name__, model)
        if not isinstance(model.likelihood, MixedTabular):
            raise ValueError(
                "ModalBound needs a likelihood of groups of columns. Received: "
                f"{type(model.likelihood).__name__}. Take `MixedTabular`."
            )
        groups = model.likelihood.groups
        if self.scales is not None and len(self.scales) != len(groups):
            raise ValueError(
                f"`scales` must be one number for each of {len(groups)} modalities. "
                f"Received: scales={self.scales}"
            )
        self.members = np.zeros((len(groups), model.event_shape[-1]), "float32")
        for row, group in zip(self.members, groups, strict=True):
            row[group.columns] = 1.0

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return the sum of the negative bounds, `(batch,)`, nats."""
        together = self._bound(model, batch, outputs, training)
        if not self.singles or len(self.members) == 1:
            return together
        count = len(self.members)
        rows = Batch(*(draws.repeated(part, count) for part in batch))
        members = ops.tile(ops.convert_to_tensor(self.members), (ops.shape(batch.x)[0], 1))
        mask, seen = (
            members if part is None else members * expand_mask(part, rows.x)
            for part in (rows.mask, rows.seen)
        )
        rows = rows._replace(x=ops.where(seen > 0, rows.x, 0.0), mask=mask, seen=seen)
        alone = self._bound(model, rows, draws.passed(model, rows, training), training)
        return together + ops.sum(ops.reshape(alone, (-1, count)), axis=1)

    def score(self, model: Any, batch: Batch, outputs: Outputs) -> Tensor:
        """Return -log p(x | z) + KL at the code, unweighted, `(batch,)`, nats."""
        density = model.likelihood.log_prob(outputs["decoded"], batch.target, batch.mask)
        return divergence(model, outputs, batch) - density

    def _bound(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        densities = model.likelihood.log_probs(
            outputs["decoded"], batch.target, batch.mask, training, batch.weight
        )
        scales = self.scales or [1.0] * len(densities)
        density = sum(scale * value for scale, value in zip(scales, densities, strict=True))
        return self.beta * divergence(model, outputs, batch) - density
