"""Priors over the numbers of codes, each number given those before."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.backend.scan import scan
from keras_ae.networks import pixel_cnn, transformer
from keras_ae.parts import checked_share, checked_size
from keras_ae.samplers.code_prior import CodePrior, checked_heads, chosen, drawn
from keras_ae.typing import Tensor


class Autoregressive(CodePrior):
    """p(k) = prod_i p(k_i | k_1, ..., k_i-1); drawn one number after another."""

    @abstractmethod
    def log_probs(self, network: Any, numbers: Tensor, training: bool = False) -> Tensor:
        """Return log p(k_i = . | those before), `(batch, length, vocabulary)`."""

    def log_likelihood(self, network: Any, numbers: Tensor, training: bool) -> Tensor:
        """Return log p of rows of numbers `(batch, length)`, `(batch,)`, nats."""
        return ops.sum(chosen(self.log_probs(network, numbers, training), numbers), axis=1)

    def draw(self, rows: Any, noise: Any, training: bool) -> Tensor:
        """Return so many rows of numbers, int32 `(rows, length)`."""
        uniform = noise.uniform((rows, self.length), training=training)
        places = ops.convert_to_tensor(np.eye(self.length, dtype="int32"))[None]

        def step(numbers: Tensor, now: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            u, here = now
            every = drawn(self.log_probs(self.network, numbers), u[:, None])
            numbers = ops.where(here > 0, every, numbers)
            return numbers, numbers[:, :1]

        start = ops.cast(0.0 * uniform, "int32")
        return scan(step, start, (uniform, places), last=True)


@keras.saving.register_keras_serializable("keras_ae.samplers")
class CausalTransformer(Autoregressive):
    """A transformer over the numbers of codes, each of which sees those before it.

    Args:
        width: Of the layers.
        depth: Number of layers.
        heads: Of each attention; the width must be a multiple.
        dropout: Share of what layers add that is left out in training.
        epochs: Passes over the codes at most.
        batch_size: Codes of a step.
        learning_rate: Of Adam.

    Reference:
        Vaswani et al. (2017), https://arxiv.org/abs/1706.03762; Esser et al. (2021),
        https://arxiv.org/abs/2012.09841, section 3.2.

    Example:
        >>> CausalTransformer(width=64, depth=2).epochs
        100
    """

    def __init__(
        self,
        width: int = 128,
        depth: int = 4,
        heads: int = 4,
        dropout: float = 0.1,
        epochs: int = 100,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
    ) -> None:
        super().__init__(epochs, batch_size, learning_rate)
        self.width, self.depth = checked_size("width", width), checked_size("depth", depth)
        self.heads = checked_heads(heads, width)
        self.dropout = checked_share("dropout", dropout, whole=False)

    def make_network(self) -> keras.Model:
        """Return the network; what it is given begins with a token of its own."""
        return transformer.of_tokens(
            self.length,
            self.vocabulary + 1,
            self.vocabulary,
            width=self.width,
            depth=self.depth,
            heads=self.heads,
            dropout=self.dropout,
        )

    def log_probs(self, network: Any, numbers: Tensor, training: bool = False) -> Tensor:
        """Return log p(k_i = . | those before), `(batch, length, vocabulary)`."""
        first = 0 * numbers[:, :1] + self.vocabulary
        given = ops.concatenate([first, numbers[:, :-1]], axis=1)
        return self.of_position(network(given, training=training))


@keras.saving.register_keras_serializable("keras_ae.samplers")
class PixelCNN(Autoregressive):
    """Gated convolutions over a map of the numbers of codes, each of which sees those before it.

    Args:
        filters: Of the layers.
        depth: Number of layers.
        kernel_size: Of each, odd.
        dropout: Share of what layers add that is left out in training.
        epochs: Passes over the codes at most.
        batch_size: Codes of a step.
        learning_rate: Of Adam.

    Reference:
        van den Oord et al. (2016), https://arxiv.org/abs/1606.05328; as a prior over codes, van den
        Oord et al. (2017), https://arxiv.org/abs/1711.00937, section 3.3.

    Example:
        >>> PixelCNN(filters=32).depth
        6
    """

    def __init__(
        self,
        filters: int = 64,
        depth: int = 6,
        kernel_size: int = 5,
        dropout: float = 0.1,
        epochs: int = 100,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
    ) -> None:
        super().__init__(epochs, batch_size, learning_rate)
        self.filters, self.depth = checked_size("filters", filters), checked_size("depth", depth)
        self.kernel_size = checked_size("kernel_size", kernel_size)
        if kernel_size % 2 == 0:
            raise ValueError(f"`kernel_size` must be odd. Received: kernel_size={kernel_size}")
        self.dropout = checked_share("dropout", dropout, whole=False)

    def check_model(self, model: Any) -> None:
        """Refuse a model whose indices are no map.

        Raises:
            ValueError: As said.
        """
        super().check_model(model)
        shape, levels = model.bottleneck.index_shape, len(model.bottleneck.sizes)
        if len(shape) > 2 or levels > 1:
            raise ValueError(
                "PixelCNN is of maps with one number in each place. Received: indices of the shape "
                f"{shape}. Take 'causal_transformer'."
            )

    def make_network(self) -> keras.Model:
        """Return the network, of one row for a sequence."""
        return pixel_cnn.of_tokens(
            self._map,
            self.vocabulary,
            filters=self.filters,
            depth=self.depth,
            kernel_size=self.kernel_size,
            dropout=self.dropout,
        )

    def log_probs(self, network: Any, numbers: Tensor, training: bool = False) -> Tensor:
        """Return log p(k_i = . | those before), `(batch, length, vocabulary)`."""
        logits = network(ops.reshape(numbers, (-1, *self._map)), training=training)
        return self.of_position(ops.reshape(logits, (-1, self.length, self.vocabulary)))

    @property
    def _map(self) -> tuple[int, int]:
        shape = self.index_shape
        return (shape[0], shape[1]) if len(shape) == 2 else (1, self.length)
