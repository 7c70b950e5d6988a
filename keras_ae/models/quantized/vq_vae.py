"""The vector-quantized autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae.bottlenecks import VectorQuantizer
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Quantization, Reconstruction
from keras_ae.registry import variant


@variant(paper="van den Oord et al. (2017), https://arxiv.org/abs/1711.00937")
class VQVAE(LatentModel):
    """Writes data as a map of codes from a learned codebook: a discrete code.

    Minimises -log p(x | z_q) + commitment * |z_e - sg(z_q)|^2, z_q the nearest codes to the
    features z_e; the codebook follows the features by moving averages, or by a term
    |sg(z_e) - z_q|^2. `fit` starts it at the k-means centres of the training data's features.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of one code vector.
        num_codes: Size of the codebook.
        distance: "euclidean" or "cosine".
        update: What moves the codebook: "moving_average" or "loss".
        estimator: What gradient passes to the features: "straight_through" or "rotation".
        commitment: Weight beta of the commitment.
        decay: gamma of the codebook's moving averages.
        dead_code_threshold: Codes used less than this share of the mean are put onto data; 0 off.
        heads: Parts of a vector, each with a code of the one codebook.
        tokens: Number of code vectors when the encoder gives a flat vector (an MLP).
        **trunk: See `LatentModel`.

    Reference:
        van den Oord et al. (2017), https://arxiv.org/abs/1711.00937, equation 3 and appendix A.1.
        The paper's objective averages nothing; here each term is summed over an example.

    Example:
        >>> model = VQVAE((8, 8, 1), latent_dim=4, num_codes=16, encoder="conv", hidden=[8])
        >>> model.latent_shape
        (4, 4, 4)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        num_codes: int = 128,
        distance: Literal["euclidean", "cosine"] = "euclidean",
        update: Literal["moving_average", "loss"] = "moving_average",
        estimator: Literal["straight_through", "rotation"] = "straight_through",
        commitment: float = 0.25,
        decay: float = 0.99,
        dead_code_threshold: float = 0.03,
        heads: int = 1,
        tokens: int = 16,
        **trunk: Any,
    ) -> None:
        quantizer = VectorQuantizer(
            num_codes,
            latent_dim,
            distance=distance,
            update=update,
            estimator=estimator,
            commitment=commitment,
            decay=decay,
            dead_code_threshold=dead_code_threshold,
            heads=heads,
            tokens=tokens,
        )
        super().__init__(
            input_shape,
            bottleneck=quantizer,
            objective=[Reconstruction(), Quantization()],
            **trunk,
        )
