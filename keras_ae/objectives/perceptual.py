"""The distance of features: what a fixed network sees of data and of their reconstructions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.distributions.event import expand_mask
from keras_ae.naming import nearest
from keras_ae.networks import stages
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.typing import Batch, Outputs, Shape, Tensor

FILTERS = (16, 32, 64)
"""Of the stages of the random network."""

SEED = 0
"""Of its weights, which are the same on every backend."""


@keras.saving.register_keras_serializable("keras_ae.objectives")
class Perceptual(Term):
    """Half the squared error of features: sum_l |phi_l(x) - phi_l(E[x | z])|^2 / (2 size_l).

    phi_l(x) is the l-th feature map of a fixed network, of size_l = channels * height * width
    numbers, so each map counts by its mean. The network is given normalised units; what else it
    wants (three channels, pixels up to 255) is made by layers in front of it. It is frozen, here
    and wherever else it is used, runs as in inference, and is saved with the model. The value has
    no unit: the weight makes nats of it, and the score of an example has it with its weight. Where
    a mask says that an entry is missing, the network is given 0 twice.

    Args:
        network: A Keras model from examples to one or several feature maps; the path of a `.keras`
            file that holds one, loaded in Keras's safe mode and no longer needed then; or None for
            a small network of three convolutions of random weights, always the same, which needs
            examples with 1 to 3 spatial axes and channels.
        weight: The term's multiplier, nats.
        layers: Names of the layers whose outputs are the features; the network's own outputs when
            None.

    Reference:
        Hou et al. (2017), https://arxiv.org/abs/1610.00291, equations 4 and 5, which take layers of
        a VGG-19 trained to classify. That random weights represent pictures too is shown, for
        inverting features and for textures, by He et al. (2016), https://arxiv.org/abs/1606.04801.

    Example:
        >>> import keras
        >>> layers = [keras.Input((6,)), keras.layers.Dense(4, activation="tanh")]
        >>> Perceptual(keras.Sequential(layers), weight=10.0).weight
        10.0
    """

    scores = True

    def __init__(
        self,
        network: Any = None,
        weight: Weight = 1.0,
        layers: Sequence[str] | None = None,
    ) -> None:
        super().__init__(weight, name="perceptual")
        # A file may be gone when the term is made again from its arguments.
        self.__dict__["_constructor_arguments"]["network"] = loaded(network)
        self.layer_names = _checked_names(layers)
        self.features: Any = None

    def attach(self, model: Any) -> None:
        """Make the network of features for the model's examples, and freeze it.

        Raises:
            ValueError: There is no network and no random one for the shape of an example, the
                network refuses that shape, or it has no layer of some name.
        """
        shape, network = model.event_shape, self.arguments["network"]
        network = random_network(shape) if network is None else network
        network = _built(network, shape)
        if self.layer_names is not None:
            network = _cut(network, self.layer_names)
        # Twice: TensorFlow's layers ignore a value they have, and do not hand it down. One that is
        # made from the config of a frozen network has it, and layers that have not.
        network.trainable = True
        network.trainable = False
        self.features = network

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return half the mean squared error of each feature map, summed over maps, `(batch,)`."""
        x = ops.cast(batch.target, "float32")
        mean = ops.cast(model.likelihood.mean(outputs["decoded"]), "float32")
        if batch.mask is not None:
            observed = expand_mask(batch.mask, x) > 0
            x, mean = ops.where(observed, x, 0.0), ops.where(observed, mean, 0.0)
        errors = [ops.square(a - b) for a, b in zip(self._maps(x), self._maps(mean), strict=True)]
        return 0.5 * sum(ops.mean(error, axis=-1) for error in errors)

    def score(self, model: Any, batch: Batch, outputs: Outputs) -> Tensor:
        """Return the value with its weight, which makes nats of it, `(batch,)`."""
        return self.weight_at(model.step) * self.value(model, batch, outputs, False)

    def _maps(self, x: Tensor) -> list[Tensor]:
        """Return the feature maps as float32 vectors, `(batch, size)` each."""
        maps = keras.tree.flatten(self.features(x, training=False))
        return [ops.reshape(ops.cast(m, "float32"), (ops.shape(x)[0], -1)) for m in maps]


def loaded(network: Any) -> Any:
    """Return a network of features: as it is, from its file, or None.

    Raises:
        TypeError: It is neither a Keras model nor a path, nor None.
        ValueError: There is no such `.keras` file, or none that Keras's safe mode loads.
    """
    if network is None or isinstance(network, keras.Model):
        return network
    if not isinstance(network, (str, os.PathLike)):
        raise TypeError(
            "`network` must be a Keras model, the path of a `.keras` file, or None. "
            f"Received: network={network!r}"
        )
    path = Path(network).expanduser()
    if path.suffix != ".keras" or not path.is_file():
        raise ValueError(
            "`network` must be a `.keras` file that is there, or a Keras model. "
            f"Received: network={str(network)!r}. Write one by `model.save('features.keras')`."
        )
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # whatever a damaged file or an unknown layer leads to
        raise ValueError(
            "`network` must be a `.keras` file that Keras loads in its safe mode. "
            f"Received: network={str(network)!r} ({_first_line(error)}). "
            "Load it yourself, and pass the model."
        ) from error


def random_network(event_shape: Shape) -> keras.Model:
    """Return three convolutions with ReLU, the last two of stride 2, whose maps are the outputs.

    The weights are normal with variance 2 / (inputs of a unit), after He et al. (2015),
    https://arxiv.org/abs/1502.01852, section 2.2, so that every map is about as large as the
    picture; the biases are 0.

    Args:
        event_shape: (length, channels), (height, width, channels) or (depth, height, width,
            channels).

    Raises:
        ValueError: The shape is not a map with channels.
    """
    rank = len(event_shape) - 1
    if rank not in (1, 2, 3):
        raise ValueError(
            "a random network of features needs examples of 1 to 3 spatial axes and channels, such "
            f"as (height, width, channels). Received: input_shape={event_shape}. Reshape the data, "
            "or pass a `network`."
        )
    x = inputs = keras.Input(event_shape, dtype="float32", name="x")
    maps, rng = [], np.random.default_rng(SEED)
    for i, filters in enumerate(FILTERS):
        options = {"strides": 2 if i else 1, "padding": "same", "activation": "relu"}
        convolution = stages.layer("Conv", rank)
        x = convolution(filters, 3, **options, dtype="float32", name=f"stage_{i}")(x)
        maps.append(x)
    network = keras.Model(inputs, maps, name="random_features")
    for kernel in network.weights[::2]:
        deviation = np.sqrt(2.0 / np.prod(kernel.shape[:-1]))
        kernel.assign(rng.normal(scale=deviation, size=kernel.shape))
    return network


def _built(network: keras.Model, event_shape: Shape) -> keras.Model:
    """Return a network that takes examples of this shape, with its weights."""
    try:
        network(keras.Input(event_shape))
    except Exception as error:  # each layer has its own way to refuse a shape
        raise ValueError(
            f"a network of features must take the shape {tuple(event_shape)} of an example. "
            f"Received: {network.name!r}, which refuses it: {_first_line(error)} "
            "Put layers in front of it that make what it takes."
        ) from error
    return network


def _cut(network: keras.Model, names: Sequence[str]) -> keras.Model:
    """Return the network with the outputs of these layers as its own."""
    if not getattr(network, "inputs", None):
        raise ValueError(
            "a network must be functional or sequential for its layers to have outputs. "
            f"Received: {type(network).__name__}, layers={list(names)}. Give it the features as "
            "outputs, and leave `layers` out."
        )
    known = [layer.name for layer in network.layers]
    for name in names:
        if name not in known:
            raise ValueError(
                f"`layers` must be names of layers of {network.name!r}. "
                f"Received: {name!r}. {nearest(name, known)}"
            )
    outputs = [network.get_layer(name).output for name in names]
    return keras.Model(network.inputs, outputs, name="features")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _checked_names(layers: Any) -> tuple[str, ...] | None:
    if layers is None:
        return None
    is_list = isinstance(layers, (list, tuple)) and layers
    if not is_list or not all(isinstance(name, str) for name in layers):
        raise ValueError(f"`layers` must be a list of names, or None. Received: layers={layers!r}")
    return tuple(layers)
