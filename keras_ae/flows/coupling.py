"""What the coupling flows share: one half of the coordinates decides what happens to the other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ae.flows.flow import Flow
from keras_ae.parts import check_activation, checked_sizes
from keras_ae.typing import Tensor


class Coupling(Flow):
    """Keeps the first half of the coordinates and moves each of the others by a scalar map.

    The maps' parameters are a dense network's function of the first half, and of the context. Of an
    odd number of coordinates the larger half is moved, so that two couplings with a `Reverse`
    between them move every coordinate.

    Args:
        numbers: Parameters of one coordinate's map.
        hidden: Widths of the network's hidden layers.
        activation: Their activation.
    """

    is_ordered = True

    def __init__(self, numbers: int, hidden: Sequence[int], activation: Any) -> None:
        super().__init__()
        check_activation(activation)
        self.numbers = numbers
        self.hidden, self.activation = checked_sizes("hidden", hidden), activation

    @abstractmethod
    def move(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images of coordinates and the logarithms of the maps' slopes at them.

        Args:
            x: `(batch, moved)`.
            raw: The network's output, `(batch, moved, numbers)`.
        """

    @abstractmethod
    def move_back(self, y: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return the coordinates with these images and the logarithms of the maps' slopes there."""

    def _make_weights(self, dim: int, context_dim: int | None) -> None:
        if dim < 2:
            raise ValueError(
                f"{type(self).__name__} must have at least two coordinates, one of which moves "
                f"the other. Received: dim={dim}"
            )
        self.kept = dim // 2
        self.network = [
            keras.layers.Dense(width, self.activation, dtype="float32", name=f"hidden_{i}")
            for i, width in enumerate(self.hidden)
        ]
        # Near zero, for a flow near the identity; at zero the layers before would not learn.
        small = keras.initializers.RandomNormal(stddev=0.01)
        size = (dim - self.kept) * self.numbers
        self.network.append(
            keras.layers.Dense(size, kernel_initializer=small, dtype="float32", name="output")
        )
        width = self.kept + (context_dim or 0)
        for layer in self.network:
            layer.build((None, width))
            width = layer.units

    def _transform(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        kept, x = z[:, : self.kept], z[:, self.kept :]
        y, log_slope = self.move(x, self._raw(kept, context))
        return ops.concatenate([kept, y], axis=-1), ops.sum(log_slope, axis=-1)

    def _invert(self, z_next: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        kept, y = z_next[:, : self.kept], z_next[:, self.kept :]
        x, log_slope = self.move_back(y, self._raw(kept, context))
        return ops.concatenate([kept, x], axis=-1), -ops.sum(log_slope, axis=-1)

    def _raw(self, kept: Tensor, context: Tensor | None) -> Tensor:
        h = kept if context is None else ops.concatenate([kept, context], axis=-1)
        for layer in self.network:
            h = layer(h)
        return ops.reshape(h, (-1, self.dim - self.kept, self.numbers))
