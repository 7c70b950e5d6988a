"""A user's Keras model from rows to rows, with the methods of this package's models."""

from __future__ import annotations

from typing import Any

import keras

from keras_ae.bottlenecks import Bottleneck
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Reconstruction
from keras_ae.typing import Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.estimators")
class Unchanged(Bottleneck):
    """A code that is what the encoder returns."""

    def build(self, h_shape: Any) -> None:
        """Take the shape of the features."""
        self.latent_shape = tuple(h_shape[1:])
        self.built = True

    def call(self, h: Tensor, training: bool = False, sample: bool = False) -> Outputs:
        """Return `{"latent": h}`."""
        return {"latent": h}


@keras.saving.register_keras_serializable("keras_ae.estimators")
class OwnModel(LatentModel):
    """A Keras model from rows to rows, under a Gaussian; its code is its reconstruction.

    Args:
        network: The model.
        missing: As of every model.
    """

    def __init__(self, network: keras.Model, missing: str | None = None) -> None:
        rows = tuple(network.input_shape[1:])
        super().__init__(
            rows,
            bottleneck=Unchanged(),
            objective=[Reconstruction()],
            encoder=network,
            decoder=keras.Sequential([keras.Input(rows), keras.layers.Identity()]),
            missing=missing,
        )
