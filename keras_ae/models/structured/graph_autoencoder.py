"""The autoencoder of graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae import conditions
from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.likelihoods import Edges
from keras_ae.networks import graph
from keras_ae.objectives import Reconstruction
from keras_ae.registry import variant


@variant(paper="Kipf and Welling (2016), https://arxiv.org/abs/1611.07308")
class GraphAutoencoder(LatentModel):
    """Gives each node of a small graph a code, from which its edges are told: missing links.

    Minimises -sum_ij log p(A_ij | z_i' z_j), z of two graph convolutions. Rows are adjacencies,
    symmetric, of one number of nodes; smaller graphs are padded, and a `mask` over nodes leaves
    padding out, one over pairs, symmetric too, links that are to be predicted. `reconstruct` gives
    the probabilities of links.

    Args:
        input_shape: (nodes, nodes).
        latent_dim: Length of a node's code; a graph's is (nodes, latent_dim).
        edge_weight: What edges that are there count more than those that are not, positive.
        condition: The nodes' features, as the shape (nodes, features), given with each row; any
            other is told to every node.
        hidden: Widths of the convolutions.
        **trunk: See `LatentModel`.

    Reference:
        Kipf and Welling (2016), https://arxiv.org/abs/1611.07308, section 2, "Non-probabilistic
        graph auto-encoder".

    Example:
        >>> import numpy as np
        >>> model = GraphAutoencoder((4, 4), latent_dim=2)
        >>> ring = np.roll(np.eye(4), 1, axis=0) + np.roll(np.eye(4), -1, axis=0)
        >>> model.encode(ring[None]).shape
        (1, 4, 2)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        edge_weight: float = 1.0,
        condition: Any = None,
        hidden: Sequence[int] | None = None,
        **trunk: Any,
    ) -> None:
        told = conditions.get(condition)
        shape = None if told is None else (told.shape or (told.size,))
        super().__init__(
            input_shape,
            bottleneck=Deterministic(latent_dim, each=True),
            objective=[Reconstruction(2.0)],
            **graph.networks(input_shape, latent_dim, hidden, shape),
            likelihood=Edges(edge_weight),
            condition=told,
            **trunk,
        )
