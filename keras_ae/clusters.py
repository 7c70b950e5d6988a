"""How models of clusters start: from codes of an autoencoder; and when they are settled."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import numpy as np

from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import ClusterDivergence, Reconstruction
from keras_ae.parts import checked_share, checked_size
from keras_ae.starting import TrainingRows

LEARNING_RATE = 1e-3
"""Of Adam, for the autoencoder."""


class Pretraining:
    """The training of an autoencoder of a model's own networks, before the model's first step.

    Args:
        epochs: Passes over the data; none at 0.
        batch_size: Rows of a step.
    """

    def __init__(self, epochs: int, batch_size: int) -> None:
        self.epochs = checked_size("pretrain_epochs", epochs) if epochs else 0
        self.batch_size = checked_size("pretrain_batch_size", batch_size)

    def codes(self, model: LatentModel, projection: Any, rows: TrainingRows) -> np.ndarray:
        """Train, and return the codes of rows, `(rows, latent_dim)`.

        Args:
            model: Whose encoder and decoder are trained.
            projection: The layer of its bottleneck that makes codes of features, trained too.
            rows: Those that train.
        """
        x, weight = rows.first(), rows.weights
        known = inspect.signature(LatentModel.__init__).parameters
        trunk = {k: v for k, v in model.arguments.items() if k in known and k != "input_shape"}
        code = Deterministic(model.latent_shape[0])
        plain = LatentModel(
            model.event_shape, bottleneck=code, objective=[Reconstruction()], **trunk
        )
        pairs = [
            (plain.encoder, model.encoder),
            (plain.decoder, model.decoder),
            (code.projection, projection),
        ]
        for theirs, ours in pairs:
            theirs.set_weights(ours.get_weights())
        plain.compile(keras.optimizers.Adam(LEARNING_RATE))
        if self.epochs:
            size = self.batch_size
            plain.fit(x, sample_weight=weight, epochs=self.epochs, batch_size=size, verbose=0)
        else:
            plain.adapt(x)
        for theirs, ours in pairs:
            ours.set_weights(theirs.get_weights())
        return np.asarray(plain.encode(x))


class Settling:
    """Knows when rows stay in their clusters.

    Args:
        tolerance: The share of rows that may still change.
    """

    def __init__(self, tolerance: float) -> None:
        self.tolerance, self.labels = tolerance, np.empty(0, "int64")

    def is_settled(self, shares: np.ndarray) -> bool:
        """Return whether few rows have changed since the last call.

        Args:
            shares: Of clusters in each row, `(rows, clusters)`.
        """
        before, self.labels = self.labels, shares.argmax(axis=1)
        if before.shape != self.labels.shape:
            return False
        return bool((before != self.labels).mean() < self.tolerance)


class ClusterModel(LatentModel):
    """A model whose bottleneck has clusters, which start among the codes of an autoencoder."""

    def set_start(self, epochs: int, batch_size: int, tolerance: float) -> None:
        """Say how the autoencoder is trained, and by which share of moving rows training ends."""
        self.pretraining = Pretraining(epochs, batch_size)
        self.settling = Settling(checked_share("tolerance", tolerance))

    def begin(self, rows: TrainingRows, is_new: bool) -> None:
        """Put the centres among an autoencoder's codes, and take the first target.

        Raises:
            ValueError: The data can be read only once, or there are fewer rows than clusters.
        """
        if is_new:
            projection = self.bottleneck.projection
            codes = self.pretraining.codes(self, projection, rows)
            self.bottleneck.start_at(codes, rows.weights)
        self.between(rows)

    def between(self, rows: TrainingRows) -> None:
        """Renew what is a target of all rows; end the training where few change their cluster."""
        shares = np.asarray(self.responsibilities(rows.first()))
        for term in self.objective:
            if isinstance(term, ClusterDivergence):
                term.renew(self, shares, rows.weights)
        if self.settling.is_settled(shares):
            self.stop_training = True
