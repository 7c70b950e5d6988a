"""The concrete autoencoder, which selects features."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from keras_ae.arrays import checked_shape
from keras_ae.bottlenecks import ConcreteSelector, Cooling
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Reconstruction
from keras_ae.parts import checked_sizes
from keras_ae.registry import variant


@variant(paper="Abid et al. (2019), https://arxiv.org/abs/1901.09346")
class ConcreteAutoencoder(LatentModel):
    """Selects the few inputs from which all can be reconstructed.

    Minimises -log p(x | z), z_i = m_i^T x with relaxed one-hot vectors m_i that become choices as
    the temperature falls. `model.bottleneck.selected()` tells the inputs that were chosen.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: k, how many inputs are selected.
        steps: B, training steps in which the temperature falls: epochs * rows / batch_size. With
            fewer steps of training the draws are no choices yet, which evaluations make of them.
        start: Temperature at the first step.
        end: Temperature from the last one on.
        hidden: Widths of the decoder's layers, from its output on.
        decoder: The network z -> likelihood parameters.
        **trunk: See `LatentModel`; there is no encoder.

    Reference:
        Abid et al. (2019), https://arxiv.org/abs/1901.09346, section 3, with temperatures from 10
        to 0.01.

    Example:
        >>> ConcreteAutoencoder((6,), latent_dim=2).bottleneck.selected().shape
        (2,)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        steps: int = 10_000,
        start: float = 10.0,
        end: float = 0.01,
        hidden: Sequence[int] = (256,),
        decoder: Any = "mlp",
        **trunk: Any,
    ) -> None:
        if "encoder" in trunk:
            raise ValueError(
                "`encoder` must be left out: the code is a selection of the inputs themselves. "
                f"Received: encoder={trunk['encoder']!r}"
            )
        widths = checked_sizes("hidden", hidden)
        if isinstance(decoder, (str, Mapping)):
            named = {"name": decoder} if isinstance(decoder, str) else decoder
            decoder = {"hidden": widths, **named}
        super().__init__(
            input_shape,
            encoder={"name": "mlp", "hidden": []},
            decoder=decoder,
            bottleneck=ConcreteSelector(
                latent_dim, Cooling(steps, start, end), math.prod(checked_shape(input_shape))
            ),
            objective=[Reconstruction()],
            **trunk,
        )
