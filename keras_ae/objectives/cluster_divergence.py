"""How far shares of clusters are from sharper ones."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae import networks
from keras_ae.bottlenecks import Clustered
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.typing import Batch, Outputs, Tensor

LEAST = 1e-30
"""Under which a share is taken for it, for its logarithm."""


@keras.saving.register_keras_serializable("keras_ae.objectives")
class ClusterDivergence(Term):
    """KL(P || Q) from the shares Q of clusters to a target P in which large shares are larger.

    p_j = q_j^2 / f_j / sum_k q_k^2 / f_k of the shares q that the row had when `renew` was called,
    and their sums f_j over all rows of training: the encoder of that time is kept beside the one
    that learns.

    Args:
        weight: The term's multiplier.

    Reference:
        Xie et al. (2016), https://arxiv.org/abs/1511.06335, equations 2 and 3.
    """

    needs = ("shares",)

    def __init__(self, weight: Weight = 1.0) -> None:
        super().__init__(weight)

    def attach(self, model: Any) -> None:
        """Keep a copy of the encoder and of the bottleneck.

        Raises:
            ValueError: The bottleneck has no clusters.
        """
        if not isinstance(model.bottleneck, Clustered):
            raise ValueError(
                f"{type(self).__name__} needs clusters of codes. Received: "
                f"{type(model.bottleneck).__name__}. Pass `bottleneck=Clustered(...)`."
            )
        self.encoder = _like(model)
        kind = type(model.bottleneck)
        self.bottleneck = kind.from_config(model.bottleneck.get_config())
        self.bottleneck.build((None, *model.encoder.output_shape[1:]))
        state: dict[str, Any] = {"dtype": "float32", "autocast": False, "trainable": False}
        shape = (model.bottleneck.clusters,)
        self.frequencies = self.add_weight(shape, "ones", name="frequencies", **state)
        self.encoder.trainable = self.bottleneck.trainable = False
        self._keep(model)

    def _keep(self, model: Any) -> None:
        for mine, theirs in ((self.encoder, model.encoder), (self.bottleneck, model.bottleneck)):
            mine.set_weights(theirs.get_weights())

    def renew(self, model: Any, shares: Any, weights: Any = None) -> None:
        """Take the target from the model as it is.

        Args:
            model: The model.
            shares: Of rows of training, `(rows, clusters)`.
            weights: Of these rows, `(rows,)`; all alike when None.
        """
        self._keep(model)
        self.frequencies.assign(np.average(shares, axis=0, weights=weights))

    def target(self, shares: Tensor) -> Tensor:
        """Return P for shares Q, `(batch, clusters)` both."""
        sharper = ops.square(shares) / ops.maximum(self.frequencies, LEAST)
        return sharper / ops.sum(sharper, axis=-1, keepdims=True)

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return the divergence, `(batch,)`, nats."""
        batch = model.completed(batch)
        h = model.features(batch.x, batch, encoder=self.encoder)
        target = ops.stop_gradient(self.target(self.bottleneck(h)["shares"]))
        ratio = ops.log(ops.maximum(target, LEAST)) - ops.log(ops.maximum(outputs["shares"], LEAST))
        return ops.sum(target * ratio, axis=-1)


def _like(model: Any) -> Any:
    """Return a new encoder of a model's kind."""
    given = model.arguments.get("encoder", "mlp")
    if isinstance(given, keras.layers.Layer):
        return keras.models.clone_model(model.encoder)  # for which Keras imports TensorFlow
    told = {"condition_size": 0 if model.condition is None else model.condition.size}
    return networks.encoder(given, model.event_shape, model.arguments.get("hidden"), **told)
