"""The autoencoder with finite scalar quantization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import FiniteScalarQuantizer
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Quantization, Reconstruction
from keras_ae.parts import checked_size
from keras_ae.registry import variant


@variant(paper="Mentzer et al. (2024), https://arxiv.org/abs/2309.15505")
class FSQVAE(LatentModel):
    """Rounds each number of a code to a few levels: a discrete code without a codebook.

    Minimises -log p(x | z_q), z_q the bounded features rounded to their levels. There is no
    codebook to learn, nor a loss for it, and no code is left unused for long.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of a code; as many as there are `levels` when None.
        levels: Numbers of levels of a code's numbers, whose product is the number of codes; or one
            for all.
        symmetric: Whether levels lie symmetrically about 0, also where there are an even number.
        tokens: Number of code vectors when the encoder gives a flat vector (an MLP).
        **trunk: See `LatentModel`.

    Reference:
        Mentzer et al. (2024), https://arxiv.org/abs/2309.15505, section 3.1.

    Example:
        >>> model = FSQVAE((8, 8, 1), levels=[8, 5, 5, 5], encoder="conv", hidden=[8])
        >>> model.bottleneck.num_codes
        1000
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int | None = None,
        *,
        levels: Sequence[int] | int = (8, 5, 5, 5),
        symmetric: bool = False,
        tokens: int = 16,
        **trunk: Any,
    ) -> None:
        quantizer = FiniteScalarQuantizer(_of_each(levels, latent_dim), symmetric, tokens)
        super().__init__(
            input_shape,
            bottleneck=quantizer,
            objective=[Reconstruction(), Quantization()],
            **trunk,
        )


def _of_each(levels: Any, latent_dim: int | None) -> list[int]:
    """Return the number of levels of each of a code's numbers.

    Raises:
        ValueError: There are not as many as the code is long.
    """
    if isinstance(levels, int):
        return [levels] * checked_size("latent_dim", latent_dim)
    if latent_dim is not None and latent_dim != len(levels):
        raise ValueError(
            "`levels` must be one for each number of a code, or one for all. "
            f"Received: latent_dim={latent_dim}, levels={levels}"
        )
    return list(levels)
