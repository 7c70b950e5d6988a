"""The distortion of what an encoder did not see."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.distributions.event import expand_mask
from keras_ae.likelihoods import Gaussian
from keras_ae.networks.patches import ENCODER
from keras_ae.objectives.reconstruction import Reconstruction
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_claim, checked_non_negative
from keras_ae.typing import Batch, Outputs, Tensor

LEAST_DEVIATION = 0.1


@keras.saving.register_keras_serializable("keras_ae.objectives")
class HiddenReconstruction(Reconstruction):
    """The distortion -log p(x | z) of hidden patches, and some of that of the others.

    Args:
        weight: The term's multiplier.
        visible: Weight of patches that were seen.
        normalize_targets: Whether errors are in units of the standard deviation of the true patch,
            or of 0.1, in normalised units, where it is less: a flat patch has none.

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
        """Refuse a model that hides nothing, and targets that cannot be normalised.

        Raises:
            ValueError: Nothing is hidden, the likelihood is not a normal, or patches are of one
                number, which has no deviation.
        """
        found = [layer for layer in model.encoder.layers if layer.name == ENCODER]
        if not found:
            raise ValueError(
                "the term is of a model that hides patches. Received: "
                f"{type(model).__name__}. Use 'masked_autoencoder', or `Reconstruction`."
            )
        if self.normalize_targets and found[0].patches.width < 2:
            raise ValueError(
                "normalised targets need patches of two numbers or more. Received: patches of one. "
                "Pass normalize_targets=False."
            )
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
            seen = 1.0 if batch.mask is None else expand_mask(batch.mask, target)
            deviation = _deviation(patches.cut(target), patches.cut(seen * ops.ones_like(target)))
            deviation = ops.maximum(deviation, LEAST_DEVIATION) * wide
            target, made = (patches.joined(patches.cut(v) / deviation) for v in (target, made))
        total: Any = 0.0
        for weight, mask in ((1.0, hidden), (self.visible, 1.0 - hidden)):
            if weight:
                entries = patches.joined(mask[..., None] * wide)
                if batch.mask is not None:
                    entries = entries * expand_mask(batch.mask, entries)
                total = total - weight * model.likelihood.log_prob(made, target, entries)
        return total


def _deviation(cut: Tensor, seen: Tensor) -> Tensor:
    """Return the standard deviation of what is observed of each patch, `(batch, count, 1)`."""
    number = ops.sum(seen, axis=-1, keepdims=True)
    mean = ops.sum(seen * cut, axis=-1, keepdims=True) / ops.maximum(number, 1.0)
    squares = ops.sum(seen * ops.square(cut - mean), axis=-1, keepdims=True)
    return ops.sqrt(squares / ops.maximum(number - 1.0, 1.0))
