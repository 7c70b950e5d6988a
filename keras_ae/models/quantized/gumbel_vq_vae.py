"""The discrete VAE whose codes are drawn from a codebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import GumbelQuantizer
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Quantization, Reconstruction
from keras_ae.registry import variant


@variant(paper="Ramesh et al. (2021), https://arxiv.org/abs/2102.12092")
class GumbelVQVAE(LatentModel):
    """Draws each code of a map from a codebook, relaxed in training: the dVAE.

    Minimises E_q -log p(x | z_q) + beta * sum_i KL(q(k_i | x) || uniform), z_q the drawn codes; in
    training weighted means of all codes, by softmax((logits + Gumbel noise) / temperature).

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of one code vector.
        num_codes: Size of the codebook.
        beta: Weight of the divergence; near 0 codes tell more.
        temperature: Positive, or a Keras schedule over training steps, as `Cooling`.
        straight_through: Whether the decoder sees single codes in training too.
        tokens: Number of code vectors when the encoder gives a flat vector (an MLP).
        **trunk: See `LatentModel`.

    Reference:
        Ramesh et al. (2021), https://arxiv.org/abs/2102.12092, section 2.1; Jang et al. (2017),
        https://arxiv.org/abs/1611.01144.

    Example:
        >>> model = GumbelVQVAE((8, 8, 1), latent_dim=4, num_codes=16, encoder="conv", hidden=[8])
        >>> model.latent_shape
        (4, 4, 4)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        num_codes: int = 128,
        beta: float = 1.0,
        temperature: Any = 1.0,
        straight_through: bool = False,
        tokens: int = 16,
        **trunk: Any,
    ) -> None:
        quantizer = GumbelQuantizer(
            num_codes, latent_dim, beta, temperature, straight_through, tokens
        )
        super().__init__(
            input_shape,
            bottleneck=quantizer,
            objective=[Reconstruction(), Quantization()],
            **trunk,
        )
