"""The distortion of what an encoder did not see."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.distributions.event import expand_mask
from keras_ae.likelihoods import Gaussian
from keras_ae.objectives.reconstruction import Reconstruction
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_claim, checked_non_negative
from keras_ae.typing import Batch, Outputs, Tensor

LEAST_VARIANCE = 1e-6


@keras.saving.register_keras_serializable("keras_ae.objectives")
class HiddenReconstruction(Reconstruction):
    """The distortion -log p(x | z) of hidden patches, and some of that of the others.

    Args:
        weight: The term's multiplier.
        visible: Weight of patches that were seen.
        normalize_targets: Whether errors are in units of the standard deviation of the true patch.

    Reference:
        He et al. (2022), https://arxiv.org/abs/2111.06377, section 3: `visible` is 0 there, and
        normalised targets are what is predicted; here what is predicted stays in the data's units.
    """

    needs = ()

    def __init__(
        self, weight: Weight = 1.0, visible: float = 0.0, normalize_targets: bool = False
    ) -> None:
        super().__init__(weight)
        self.visible = checked_non_negative("visible", visible)
        self.normalize_targets = checked_claim("normalize_targets", normalize_targets)

    def attach(self, model: Any) -> None:
        """Refuse to normalise targets of another likelihood than a normal.

        Raises:
            ValueError: As said.
        """
        if self.normalize_targets and type(model.likelihood) is not Gaussian:
            raise ValueError(
                "normalised targets need the likelihood 'gaussian'. Received: "
                f"{type(model.likelihood).__name__}. Pass normalize_targets=False."
            )

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return -log p of hidden entries, and of others by their weight, `(batch,)`, nats."""
        patches, hidden = model.patches, outputs["hidden"]
        wide = ops.ones((1, 1, patches.width), "float32")
        target, made = (ops.cast(v, "float32") for v in (batch.target, outputs["decoded"]))
        if self.normalize_targets:
            cut = patches.cut(target)
            variance = ops.var(cut, axis=-1, keepdims=True) * patches.width
            deviation = ops.sqrt(variance / max(1, patches.width - 1) + LEAST_VARIANCE) * wide
            target, made = (patches.joined(patches.cut(v) / deviation) for v in (target, made))
        total: Any = 0.0
        for weight, mask in ((1.0, hidden), (self.visible, 1.0 - hidden)):
            if weight:
                entries = patches.joined(mask[..., None] * wide)
                if batch.mask is not None:
                    entries = entries * expand_mask(batch.mask, entries)
                total = total - weight * model.likelihood.log_prob(made, target, entries)
        return total
