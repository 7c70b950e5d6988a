"""The stochastically quantized VAE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import StochasticQuantizer
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Quantization, Reconstruction
from keras_ae.registry import variant


@variant(paper="Takida et al. (2022), https://arxiv.org/abs/2205.07547")
class SQVAE(LatentModel):
    """Draws codes near the features, ever nearer as they fit: no commitment to tune.

    Minimises E_q -log p(x | z_q) + sum_i (E_q |z_i - e_k|^2 / 2 s^2 - H(q(k | z_i)) + log K), q in
    proportion to exp(-|z_i - e_k|^2 / 2 s^2). Both variances, s^2 and the likelihood's, are
    learned: they fall together, and draws become the nearest code.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of one code vector.
        num_codes: Size of the codebook.
        temperature: Of the relaxed draws: positive, or a Keras schedule, as `Cooling`.
        variance: Where s^2 starts without data, positive.
        likelihood: p(x | z), by default a normal of a variance that is learned.
        tokens: Number of code vectors when the encoder gives a flat vector (an MLP).
        **trunk: See `LatentModel`.

    Reference:
        Takida et al. (2022), https://arxiv.org/abs/2205.07547, section 4.1.

    Example:
        >>> model = SQVAE((8, 8, 1), latent_dim=4, num_codes=16, encoder="conv", hidden=[8])
        >>> model.latent_shape
        (4, 4, 4)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        num_codes: int = 128,
        temperature: Any = 1.0,
        variance: float = 1.0,
        likelihood: Any = "calibrated_gaussian",
        tokens: int = 16,
        **trunk: Any,
    ) -> None:
        quantizer = StochasticQuantizer(
            num_codes, latent_dim, temperature=temperature, variance=variance, tokens=tokens
        )
        super().__init__(
            input_shape,
            bottleneck=quantizer,
            objective=[Reconstruction(), Quantization()],
            likelihood=likelihood,
            **trunk,
        )
