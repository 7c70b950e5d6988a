"""Layers whose weights are divided by their largest singular value."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.backend.whole_batch import over_batch
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.networks")
class SpectralNormalization(keras.layers.Layer):
    """Runs a dense or convolutional layer with W / sigma(W), so that it is 1-Lipschitz but for it.

    sigma(W) is the largest singular value of the kernel as a matrix, all of its axes but the
    last in one. It is u^T W v with u and v of one step of power iteration a training step;
    they are constants to the gradient, which goes through W in both places.

    Args:
        layer: With a `kernel`: Dense, or a convolution.

    Reference:
        Miyato et al. (2018), https://arxiv.org/abs/1802.05957, equation 8, algorithm 1 and
        appendix A. A transposed convolution's kernel is taken as it is stored, its last
        axis the inputs.
    """

    def __init__(self, layer: keras.layers.Layer, name: str | None = None) -> None:
        super().__init__(name=name or layer.name)
        self.layer = layer

    def build(self, input_shape: Any) -> None:
        """Make the layer's weights and the vector v, of one number for each column."""
        if not self.layer.built:
            self.layer.build(input_shape)
        self.v = self.add_weight(
            shape=(self._matrix().shape[1],),
            initializer=keras.initializers.RandomNormal(),
            dtype="float32",
            autocast=False,
            trainable=False,
            name="v",
        )
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Return what the layer gives with its kernel divided by sigma."""
        kernel = self._kernel()
        normalized = ops.cast(
            ops.cast(kernel.value, "float32") / self.sigma(training), kernel.dtype
        )
        # In the variable's place for this call. A scope hides the outer one, so it names all.
        held = [(v, normalized if v is kernel else v.value) for v in self.layer.variables]
        with keras.StatelessScope(held):
            return self.layer(inputs)

    def sigma(self, training: bool = False) -> Tensor:
        """Return the largest singular value as it is estimated; a step of training betters it."""
        u, v = self._vectors()
        if training:
            over_batch(self._improve, [])
        return ops.sum(u * ops.matmul(self._matrix(), v))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the layer's own."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the layer as plain data."""
        return {"layer": keras.saving.serialize_keras_object(self.layer), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SpectralNormalization:
        """Make the layer again from `get_config()`."""
        return cls(keras.saving.deserialize_keras_object(config["layer"]), config["name"])

    def _vectors(self) -> tuple[Tensor, Tensor]:
        """Return u and v after a step of power iteration from the stored v."""
        fixed = ops.stop_gradient(self._matrix())
        u = _unit(ops.matmul(fixed, ops.convert_to_tensor(self.v)))
        return u, _unit(ops.matmul(u, fixed))

    def _improve(self) -> None:
        # Found anew: it may be called where what a part of a batch computed is gone.
        self.v.assign(self._vectors()[1])

    def _kernel(self) -> Any:
        return next(v for v in self.layer.trainable_variables if v.name == "kernel")

    def _matrix(self) -> Tensor:
        kernel = ops.cast(self._kernel().value, "float32")
        return ops.reshape(kernel, (-1, kernel.shape[-1]))


def normalized(network: keras.Model) -> keras.Model:
    """Return a network like this one, untrained, with every layer of a `kernel` normalized.

    Args:
        network: A functional model of Keras's layers; recurrent ones stay as they are.
    """

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        copy = type(layer).from_config(layer.get_config())
        return SpectralNormalization(copy) if isinstance(layer, _WITH_KERNEL) else copy

    return keras.models.clone_model(network, clone_function=clone)


_WITH_KERNEL = (
    keras.layers.Dense,
    *(getattr(keras.layers, f"Conv{d}D{kind}") for d in (1, 2, 3) for kind in ("", "Transpose")),
)


def _unit(vector: Tensor) -> Tensor:
    length = ops.sqrt(ops.sum(ops.square(vector)))
    return ops.stop_gradient(vector / ops.maximum(length, 1e-12))
