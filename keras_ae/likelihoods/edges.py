"""The likelihood of a graph's edges."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from keras_ae.distributions.event import expand_mask, sum_event
from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods.likelihood import Likelihood, inside
from keras_ae.parts import checked_positive
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class Edges(Likelihood):
    """Undirected edges between different nodes, each there with a probability sigmoid(logit).

    Each pair counts once, the diagonal not at all. A mask is of pairs, or of nodes, whose pairs are
    then those of two nodes that are there. With an `edge_weight` other than 1 it is no likelihood.

    Args:
        edge_weight: What the log-probabilities of edges that are there are multiplied by, positive:
            few among many, they would hardly count.

    Reference:
        Kipf and Welling (2016), https://arxiv.org/abs/1611.07308, equation 1, and section 2 for
        the weight. The paper counts both directions, its code the diagonal as edges too.

    Example:
        >>> import numpy as np
        >>> round(float(Edges().log_prob(np.zeros((1, 3, 3)), np.zeros((1, 3, 3)))[0]), 4)
        -2.0794
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

    def check_support(self, x: np.ndarray) -> None:
        """Refuse what is no undirected graph without loops, or of whose pairs one side is missing.

        Raises:
            ValueError: As said.
        """
        super().check_support(x)
        gone = np.isnan(x)
        absent = gone.all(axis=2)  # nodes that are out of a mask of nodes
        gone = gone | absent[:, :, None] | absent[:, None, :]
        x = np.where(gone, 0.0, x)
        if (gone != gone.transpose(0, 2, 1)).any() or (x != x.transpose(0, 2, 1)).any():
            raise ValueError(
                "graphs and their masks must be symmetric. Received: one whose two directions "
                "differ. Pass np.maximum(x, x.transpose(0, 2, 1)), and the same of a mask."
            )
        if np.diagonal(x, axis1=1, axis2=2).any():
            raise ValueError(
                "graphs must have no loops. Received: an entry on the diagonal that is not 0."
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
        if mask is not None:
            pairs = pairs * self.entry_mask(mask, x)
        return 0.5 * sum_event(each, pairs)

    def entry_mask(self, mask: Tensor, x: Tensor) -> Tensor:
        """Return which pairs count: those of a mask of pairs, or of nodes that are there."""
        mask = ops.cast(expand_mask(mask, x) * ops.ones_like(x) > 0, "float32")
        return mask * ops.transpose(mask, (0, 2, 1))

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
        # Not `ops.eye`, which OpenVINO does not know.
        return ops.ones_like(x) - ops.convert_to_tensor(np.eye(x.shape[-1], dtype="float32"))
