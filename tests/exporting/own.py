"""A variant and a layer of a user's own, registered as Keras asks for."""

from __future__ import annotations

from typing import Any

import keras

import keras_ae
from keras_ae.bottlenecks import Gaussian
from keras_ae.objectives import KLDivergence, Reconstruction


@keras.saving.register_keras_serializable("tests")
class Doubled(keras.layers.Layer):
    """Twice its input."""

    def call(self, x: Any) -> Any:
        return 2.0 * x

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@keras.saving.register_keras_serializable("tests")
class Conditional(keras_ae.LatentModel):
    """A variational model whose decoder takes a condition of three numbers as a second input."""

    def __init__(self, input_shape: Any, latent_dim: int = 2, **trunk: Any) -> None:
        latent, condition = keras.Input((latent_dim,)), keras.Input((3,))
        joined = keras.layers.Concatenate()([latent, condition])
        decoder = keras.Model([latent, condition], keras.layers.Dense(*input_shape)(joined))
        trunk.setdefault("decoder", decoder)
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            objective=[Reconstruction(), KLDivergence()],
            prior="standard_normal",
            condition=3,
            **trunk,
        )

    def autoencode(self, batch: Any, training: bool = False, sample: bool = False) -> Any:
        features = self.features(batch.x, batch, training)
        outputs = self.bottleneck(features, training=training, sample=sample)
        decoded = self.decoder([outputs["latent"], batch.condition], training=training)
        return {**outputs, "decoded": decoded, "reconstruction": self._data_units(decoded)}


def with_own_layer() -> Any:
    """Return a model with the layer."""
    x = keras.Input((4,))
    encoder = keras.Model(x, Doubled()(keras.layers.Dense(3)(x)))
    return keras_ae.create("autoencoder", input_shape=(4,), latent_dim=2, encoder=encoder)


def with_missing_entries() -> Any:
    """Return a model that masks NaN."""
    return keras_ae.create(
        "vae", input_shape=(5,), latent_dim=2, hidden=[3], missing="mask", normalize="standard"
    )
