"""What every bottleneck with a distribution q(z | x) promises."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, final

import keras

from keras_ae.bottlenecks.bottleneck import Bottleneck
from keras_ae.distributions.noise import Noise
from keras_ae.typing import Outputs, Tensor


class Posterior(Bottleneck):
    """A bottleneck whose code is drawn from a distribution q(z | x) with parameters from h.

    The parameters are computed once for an example; draws of any number follow from them without
    the encoder. `space` names where codes live, and a prior must live there too; `closed_form`
    names the families of priors from which `kl` is known exactly. With `each` every position of the
    features has a code of its own, where they are flattened else.
    """

    closed_form: tuple[str, ...] = ()
    relaxes: bool = False
    """Whether draws in training are of another distribution than the density's."""
    has_paths: bool = True
    """Whether `log_prob` of a draw moves with the draw alone where all else is held fixed."""
    ancestral: bool = False
    """Whether parameters of later parts of a code follow from draws of the earlier ones."""
    parts: Mapping[str, slice] = MappingProxyType({})
    """Names of parts of the code, and which of the columns of `kl` are theirs."""

    def __init__(self, each: bool = False) -> None:
        super().__init__()
        self.flatten = keras.layers.Identity() if each else keras.layers.Flatten("channels_last")
        self.noise = Noise()

    def build(self, h_shape: Any) -> None:
        """Make the heads' weights for features of this shape."""
        self.flatten.build(h_shape)
        self.build_heads(self.flatten.compute_output_shape(h_shape))
        self.built = True

    @abstractmethod
    def build_heads(self, flat_shape: Any) -> None:
        """Make the weights for flattened features `(None, width)`."""

    @abstractmethod
    def parameters_of(self, features: Tensor) -> Outputs:
        """Return the parameters of q(z | x), `(batch, ...)` each, of flat features."""

    @abstractmethod
    def code(self, parameters: Outputs) -> Outputs:
        """Return the code that stands for the distribution, its mean or mode, as `latent`."""

    @abstractmethod
    def draw(self, parameters: Outputs, training: bool = False) -> Outputs:
        """Return one draw for each row of the parameters, as `latent`, and what belongs to it."""

    @abstractmethod
    def log_prob(self, outputs: Outputs) -> Tensor:
        """Return log q(latent | x) of parameters and their draw, `(batch,)`, nats."""

    def kl(self, outputs: Outputs, prior: Any) -> Tensor:
        """Return KL(q(z | x) || p(z)) of each independent part of the code, nats.

        Args:
            outputs: The parameters.
            prior: One of the families that `closed_form` names, given the rows' conditions.

        Returns:
            `(batch, ...)`, to be summed over all axes but the first.
        """
        raise NotImplementedError(f"{type(self).__name__} has no divergence in closed form")

    @final
    def distribution(self, h: Tensor) -> Outputs:
        """Return the parameters of q(z | x) of encoder features `(batch, ...)`."""
        return self.parameters_of(self.flatten(h))

    @final
    def call(self, h: Tensor, training: bool = False, sample: bool = False) -> Outputs:
        """Return the parameters, and one draw or the code."""
        parameters = self.distribution(h)
        chosen = self.draw(parameters, training) if sample else self.code(parameters)
        return {**parameters, **chosen}


def head(width: int, name: str, **options: Any) -> keras.layers.Dense:
    """Return a linear map of features to parameters, float32 under any policy."""
    return keras.layers.Dense(width, name=name, dtype="float32", **options)
