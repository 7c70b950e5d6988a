"""Learned compression: codes of whole numbers, and what an entropy coder needs to write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae import arrays
from keras_ae.bottlenecks import entropy
from keras_ae.compression import Codec
from keras_ae.latent_model import LatentModel
from keras_ae.likelihoods import Gaussian
from keras_ae.objectives import CodeLength, Reconstruction, code_length
from keras_ae.registry import variant
from keras_ae.starting import TrainingRows


@variant(paper="Balle et al. (2018), https://arxiv.org/abs/1802.01436")
class HyperpriorAutoencoder(LatentModel):
    """Rounds a code to whole numbers, whose bits it weighs against what they leave untold.

    Minimises -log p(x | z) - log P(z), nats: in bits a pixel and up to a constant
    bits + trade_off * 255^2 * (mean squared error). `keras_ae.compression` makes bytes of it.

    Args:
        input_shape: Shape of one example, without the batch axis; numbers from 0 to 1.
        latent_dim: Channels of the code.
        trade_off: lambda, bits a pixel that an error of 1 in 255 is worth.
        entropy_model: What tells the numbers' distributions: "factorized" (each channel has one),
            "scale" or "mean_scale" (side information tells each number's).
        hyper_dim: Channels of the side information.
        hyper_hidden: Widths of the networks of the side information.
        distribution: Of the numbers, beside side information: "gaussian" or "logistic".
        relaxation: What the decoder is given in training, "noise" or "mixed".
        encoder: If None, "blocks" with convolutions of 5 x 5 and divisive normalization; "mlp" of
            vectors.
        hidden: Widths of the encoder's stages, each of which halves a map.
        **trunk: See `LatentModel`.

    Reference:
        Balle et al. (2018), https://arxiv.org/abs/1802.01436, sections 2 and 3; "mean_scale":
        Minnen et al. (2018), https://arxiv.org/abs/1809.02736, section 2.

    Example:
        >>> model = HyperpriorAutoencoder((32, 32, 3), 4, hyper_dim=2, hidden=[8, 8])
        >>> model.latent_shape
        (8, 8, 4)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 96,
        *,
        trade_off: float = 0.01,
        entropy_model: Literal["factorized", "scale", "mean_scale"] = "mean_scale",
        hyper_dim: int = 64,
        hyper_hidden: Sequence[int] = (64, 64),
        distribution: Literal["gaussian", "logistic"] = "gaussian",
        relaxation: Literal["noise", "mixed"] = "noise",
        encoder: Any = None,
        hidden: Sequence[int] = (64, 64, 64),
        **trunk: Any,
    ) -> None:
        shape = arrays.checked_shape(input_shape)
        deviation = code_length.scale_of(trade_off, shape)
        straight = encoder is None and len(shape) > 1
        if straight:
            encoder = {
                "name": "blocks",
                "kernel_size": 5,
                "activation": "gdn",
                "gain": 1.0 / code_length.step_of(deviation),
                "centre": 0.5,
            }
        code = entropy.of_kind(
            entropy_model, latent_dim, hyper_dim, hyper_hidden, distribution, relaxation, straight
        )
        super().__init__(
            input_shape,
            bottleneck=code,
            encoder=encoder or "mlp",
            hidden=hidden,
            likelihood=Gaussian(deviation),
            objective=[Reconstruction(), CodeLength()],
            **trunk,
        )

    def finish(self, rows: TrainingRows) -> None:
        """Measure the tables that bytes are written by, which are saved with the model."""
        Codec(self)
