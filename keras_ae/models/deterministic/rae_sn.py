"""The regularised autoencoder with a decoder of bounded slope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import CodeNorm, Reconstruction
from keras_ae.registry import variant


@variant(paper="Ghosh et al. (2020), https://arxiv.org/abs/1903.12436")
class RAESN(LatentModel):
    """Smooths the decoder by the spectral norm of its layers in the place of a VAE's noise.

    Minimises -log p(x | z) + beta * |z|^2 / 2, z = f(x), with a decoder whose weights are each
    divided by their largest singular value. It has no prior; a sampler that is fitted
    afterwards (`keras_ae.samplers`) draws codes.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        beta: Weight of the codes' size.
        encoder: Name or `{"name": ..., **options}` of the encoder, or a network of one's own.
        decoder: Name or `{"name": ..., **options}` of the decoder; the encoder's when None.
        **trunk: See `LatentModel`.

    Reference:
        Ghosh et al. (2020), https://arxiv.org/abs/1903.12436, equation 9 and section 3.1; Miyato
        et al. (2018), https://arxiv.org/abs/1802.05957, for the norms.

    Example:
        >>> [term.name for term in RAESN((6,), latent_dim=2).objective]
        ['reconstruction', 'code_norm']
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        beta: float = 1e-2,
        encoder: Any = "mlp",
        decoder: Any = None,
        **trunk: Any,
    ) -> None:
        chosen = encoder if decoder is None else decoder
        if not isinstance(chosen, (str, Mapping)):
            raise ValueError(
                "`decoder` must be a name or a dict with one, so that its layers can be divided by "
                f"their norms. Received: a {type(chosen).__name__}. Pass `decoder='mlp'`."
            )
        if "recurrent" in (
            chosen,
            dict(chosen).get("name") if isinstance(chosen, Mapping) else None,
        ):
            raise ValueError(
                "`decoder` must be of dense or convolutional layers, whose norms are known. "
                "Received: 'recurrent'. Pass `decoder='mlp'`."
            )
        options = {"name": chosen} if isinstance(chosen, str) else dict(chosen)
        super().__init__(
            input_shape,
            bottleneck=Deterministic(latent_dim),
            encoder=encoder,
            decoder={**options, "spectral": True},
            objective=[Reconstruction(), CodeNorm(beta)],
            **trunk,
        )
