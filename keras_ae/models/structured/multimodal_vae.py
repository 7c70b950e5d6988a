"""The VAE of examples with several modalities, any of which may be missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from keras_ae import conditions
from keras_ae.bottlenecks import MixtureOfExperts, ProductOfExperts
from keras_ae.latent_model import LatentModel
from keras_ae.modalities import Modalities
from keras_ae.objectives import ModalBound
from keras_ae.registry import variant

FUSIONS: dict[str, Any] = {
    "product": (ProductOfExperts, {}),
    "mixture": (MixtureOfExperts, {}),
    "mixture_of_products": (MixtureOfExperts, {"products": True}),
}


@variant(paper="Wu and Goodman (2018), https://arxiv.org/abs/1802.05335")
class MultimodalVAE(LatentModel):
    """Learns one code for several views of an example: each is made from any of the others.

    Minimises -E_q sum_m lambda_m log p(x_m | z) + beta KL(q(z | x) || p(z)) over the modalities
    that are there. A row holds all of them side by side; those that are missing are NaN (or out of
    a `mask`). q is a product of the modalities' posteriors and the prior ("product", whose bound is
    added for each modality alone), their mixture ("mixture"), or the mixture of the products of all
    subsets ("mixture_of_products"). `reconstruct` gives all modalities from those that are there.

    Args:
        input_shape: `(entries,)`, of all modalities together; None takes their sum.
        latent_dim: Length of the code.
        modalities: Name -> `{"shape": 784 or [28, 28, 1], "likelihood": ..., "encoder": ...,
            "hidden": [...], "scale": lambda}`, in the order of the columns; all but the shape may
            be left out. Decoders are of their encoder's kind.
        fusion: "product", "mixture" or "mixture_of_products".
        beta: Weight of the divergence, not negative.
        missing: "mask" when NaN stands for a missing entry; None where gaps come as a `mask`.
        condition: What encoders and decoders are told of each row, if anything.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Wu and Goodman (2018), https://arxiv.org/abs/1802.05335, for products; Shi et al. (2019),
        https://arxiv.org/abs/1911.03393, for mixtures; Sutter et al. (2021),
        https://arxiv.org/abs/2105.02470, for mixtures of products.

    Example:
        >>> import numpy as np
        >>> views = {"pixels": {"shape": 4}, "label": {"shape": 2,
        ...          "likelihood": "one_hot_categorical"}}
        >>> model = MultimodalVAE((6,), latent_dim=2, modalities=views)
        >>> rows = np.array([[0.1, 0.9, 0.2, 0.8, np.nan, np.nan]])
        >>> model.reconstruct(rows).shape
        (1, 6)
    """

    def __init__(
        self,
        input_shape: Sequence[int] | None = None,
        latent_dim: int = 16,
        *,
        modalities: Mapping[str, Mapping[str, Any]],
        fusion: Literal["product", "mixture", "mixture_of_products"] = "product",
        beta: float = 1.0,
        missing: Literal["mask"] | None = "mask",
        condition: Any = None,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        told = conditions.get(condition)
        views = Modalities(modalities, 0 if told is None else told.size)
        if fusion not in FUSIONS:
            raise ValueError(
                f"`fusion` must be one of {list(FUSIONS)}. Received: fusion={fusion!r}"
            )
        posterior, options = FUSIONS[fusion]
        super().__init__(
            (views.likelihood.width,) if input_shape is None else input_shape,
            bottleneck=posterior(latent_dim, views.widths, **options),
            prior=prior,
            objective=[ModalBound(views.scales, beta, singles=fusion == "product")],
            encoder=views.encoder(),
            decoder=views.decoder(latent_dim),
            likelihood=views.likelihood,
            missing=missing,
            condition=told,
            **trunk,
        )
