"""The VAE of graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae import conditions
from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.likelihoods import Edges
from keras_ae.networks import graph
from keras_ae.objectives import KLDivergence, Reconstruction
from keras_ae.registry import variant


@variant(paper="Kipf and Welling (2016), https://arxiv.org/abs/1611.07308")
class VariationalGraphAutoencoder(LatentModel):
    """Draws a code for each node of a small graph; edges follow from codes that are alike.

    Minimises E_q -sum_ij log p(A_ij | z_i' z_j) + beta * sum_i KL(q(z_i | A, X) || N(0, I)), q of
    two graph convolutions whose first layer mean and variance share. Rows are adjacencies,
    symmetric, of one number of nodes; smaller graphs are padded, and a `mask` over nodes leaves
    padding out, one over pairs, symmetric too, links that are to be predicted. `reconstruct` gives
    the probabilities of links. `elbo` and `log_prob` are of graphs, whose pairs count once: the
    loss at beta = 2 is twice the negative of the bound.

    Args:
        input_shape: (nodes, nodes).
        latent_dim: Length of a node's code; a graph's is (nodes, latent_dim).
        beta: Weight of the divergence, not negative, or a schedule over training steps; the
            paper's code divides it by the number of nodes.
        edge_weight: What edges that are there count more than those that are not, positive.
        condition: The nodes' features, as the shape (nodes, features), given with each row; any
            other is told to every node.
        hidden: Widths of the convolutions.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Kipf and Welling (2016), https://arxiv.org/abs/1611.07308, section 2, equations 1
        and 2.

    Example:
        >>> import numpy as np
        >>> model = VariationalGraphAutoencoder((4, 4), latent_dim=2)
        >>> ring = np.roll(np.eye(4), 1, axis=0) + np.roll(np.eye(4), -1, axis=0)
        >>> model.encode(ring[None]).shape
        (1, 4, 2)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        beta: Any = 1.0,
        edge_weight: float = 1.0,
        condition: Any = None,
        hidden: Sequence[int] | None = None,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        told = conditions.get(condition)
        shape = None if told is None else (told.shape or (told.size,))
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim, each=True),
            prior=prior,
            objective=[Reconstruction(2.0), KLDivergence(beta)],
            **graph.networks(input_shape, latent_dim, hidden, shape),
            likelihood=Edges(edge_weight),
            condition=told,
            **trunk,
        )
