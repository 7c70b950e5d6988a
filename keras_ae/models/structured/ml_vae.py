"""The VAE of groups that share their content and differ in style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.bottlenecks import GroupedGaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.parts import checked_size
from keras_ae.registry import variant


@variant(paper="Bouchacourt et al. (2018), https://arxiv.org/abs/1705.08841")
class MLVAE(LatentModel):
    """Separates what the members of a group have in common from what each has of its own.

    Minimises for each group G: -sum_i log p(x_i | c, s_i) + beta * (KL(q(c | G) || p(c)) +
    sum_i KL(q(s_i | x_i) || p(s))), q(c | G) in proportion to prod_i q(c | x_i); per example: a
    member has its share of the group's rate. A code is the content c and then the style s. `fit`
    takes groups, `(rows, group_size, *input_shape)`; everything else takes examples.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code, content and style.
        content_dim: Length of the content; half of the code when None.
        group_size: Examples of a group, at least 2.
        beta: Weight of the divergence, not negative, or a Keras schedule over training steps.
        prior: p(c, s); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Bouchacourt et al. (2018), https://arxiv.org/abs/1705.08841, equations 3 to 6.

    Example:
        >>> import numpy as np
        >>> model = MLVAE((6,), latent_dim=4, content_dim=1, hidden=[8])
        >>> model.compile("adam")
        >>> groups = np.random.default_rng(0).random((32, 2, 6))
        >>> history = model.fit(groups, epochs=1, verbose=0)
        >>> model.encode(groups[:, 0]).shape
        (32, 4)
    """

    group_size = 2

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        content_dim: int | None = None,
        group_size: int = 2,
        beta: Any = 1.0,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        if checked_size("group_size", group_size) < 2:
            raise ValueError(f"`group_size` must be at least 2. Received: group_size={group_size}")
        content_dim = max(1, latent_dim // 2) if content_dim is None else content_dim
        super().__init__(
            input_shape,
            bottleneck=GroupedGaussian(latent_dim, content_dim, "product", once=True),
            prior=prior,
            objective=[Reconstruction(), KLDivergence(beta)],
            **trunk,
        )
        if self.prior is not None and self.prior.family not in self.bottleneck.closed_form:
            raise ValueError(
                "the content's rate counts once for a group, which needs a divergence in closed "
                f"form. Received: {type(self.prior).__name__}. Pass `prior='standard_normal'`."
            )
        self.group_size = group_size
