"""The likelihood of a graph's edges."""

from __future__ import annotations

import keras
from keras import ops

from keras_ae.distributions.event import expand_mask, sum_event
from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods.likelihood import Likelihood, inside
from keras_ae.parts import checked_positive
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class Edges(Likelihood):
    """Undirected edges between different nodes, each there with a probability sigmoid(logit).

    The sum is over both directions of an edge, so that each pair counts twice, and leaves the
    diagonal out. With an `edge_weight` other than 1 it is no likelihood.

    Args:
        edge_weight: What the log-probabilities of edges that are there are multiplied by, positive:
            few among many, they would hardly count.

    Reference:
        Kipf and Welling (2016), https://arxiv.org/abs/1611.07308, equation 1, and section 2 for
        the weight. The paper's code counts the diagonal as edges.

    Example:
        >>> import numpy as np
        >>> round(float(Edges().log_prob(np.zeros((1, 3, 3)), np.zeros((1, 3, 3)))[0]), 4)
        -4.1589
    """

    masses = True
    support = (0.0, 1.0)

    def __init__(self, edge_weight: float = 1.0) -> None:
        super().__init__()
        self.edge_weight = checked_positive("edge_weight", edge_weight)

    def check_event(self, event_shape: Shape) -> None:
        """Refuse what is no adjacency matrix.

        Raises:
            ValueError: As said.
        """
        if len(event_shape) != 2 or event_shape[0] != event_shape[1]:
            raise ValueError(
                f"edges need adjacencies, (nodes, nodes). Received: examples of {event_shape}."
            )

    def log_prob(
        self,
        decoded: Tensor,
        x: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Return the sum of the log-probabilities of all pairs, `(batch,)`, nats."""
        logits = ops.cast(decoded, "float32")
        x, penalty = inside(ops.cast(x, "float32"), self.support, False)
        there = self.edge_weight * x * ops.log_sigmoid(logits)
        each = there + (1.0 - x) * ops.log_sigmoid(-logits) - penalty
        pairs = self._pairs(x)
        return sum_event(each, pairs if mask is None else pairs * expand_mask(mask, x))

    def mean(self, decoded: Tensor) -> Tensor:
        """Return the probabilities, 0 on the diagonal."""
        probabilities = ops.sigmoid(ops.cast(decoded, "float32"))
        return probabilities * self._pairs(probabilities)

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return undirected graphs."""
        probabilities = self.mean(decoded)
        uniform = noise.uniform(ops.shape(probabilities))
        above = ops.triu(ops.cast(uniform < probabilities, "float32"), k=1)
        return above + ops.transpose(above, (0, 2, 1))

    def _pairs(self, x: Tensor) -> Tensor:
        """Return 1 for pairs of different nodes and 0 on the diagonal, for each row."""
        return ops.ones_like(x) - ops.eye(x.shape[-1], dtype="float32")
