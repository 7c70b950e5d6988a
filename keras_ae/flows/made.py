"""A dense network in which each output sees only the inputs before it, and its inverse's loop."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.backend.loops import repeat
from keras_ae.parts import Part, check_activation, checked_size, checked_sizes
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.flows")
class MADE(Part):
    """Masks a dense network so that output i depends on inputs before i only.

    A unit of degree m sees inputs 1 to m; degrees rise evenly through each hidden layer, and output
    i sees units of a degree below i. A context enters the first layer, seen by all of its units,
    of which some have degree 0, so that the first output depends on the context as the others do.

    Args:
        dim: Number of inputs.
        outputs: Numbers for each input.
        hidden: Widths of the hidden layers.
        activation: Activation of every layer but the last.

    Reference:
        Germain et al. (2015), https://arxiv.org/abs/1502.03509, the section on masked
        autoencoders.

    Example:
        >>> import numpy as np
        >>> MADE(3, 2)(np.ones((4, 3), "float32")).shape == (4, 2, 3)
        True
    """

    def __init__(
        self,
        dim: int,
        outputs: int,
        hidden: Sequence[int] = (128, 128),
        *,
        activation: Any = "relu",
    ) -> None:
        super().__init__()
        self.dtype_policy = "float32"
        check_activation(activation)
        self.dim, self.outputs = checked_size("dim", dim), checked_size("outputs", outputs)
        self.hidden = checked_sizes("hidden", hidden)
        self.activation = keras.activations.get(activation)

    def build(self, z_shape: Any, context_shape: Any = None) -> None:
        """Make the weights for inputs `(None, dim)` and a context `(None, context_dim)`."""
        least = 0 if context_shape is not None or self.dim == 1 else 1
        degrees = [np.arange(1, self.dim + 1)]
        for width in self.hidden:
            degrees.append(least + np.arange(width) * (self.dim - least) // width)
        # An output sees what is before it, a unit what is up to it.
        degrees.append(np.tile(np.arange(self.dim), self.outputs))
        pairs = list(itertools.pairwise(degrees))
        self._masks = [(a[:, None] <= b).astype("float32") for a, b in pairs]
        self.kernels, self.biases = [], []
        for i, mask in enumerate(self._masks):
            self.kernels.append(
                self._kernel(mask.shape, f"kernel_{i}", is_last=i == len(pairs) - 1)
            )
            self.biases.append(self._weight(mask.shape[1:], "zeros", f"bias_{i}"))
        self.context_kernel = None
        if context_shape is not None:
            shape = (int(context_shape[-1]), len(degrees[1]))
            self.context_kernel = self._kernel(shape, "context_kernel", is_last=not self.hidden)
        self.built = True

    def call(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """Return `(batch, outputs, dim)` of `(batch, dim)` and `(batch, context_dim)`."""
        h = z
        for i, (kernel, bias, mask) in enumerate(
            zip(self.kernels, self.biases, self._masks, strict=True)
        ):
            h = ops.matmul(self.activation(h) if i else h, ops.multiply(kernel, mask)) + bias
            if i == 0 and self.context_kernel is not None:
                h = h + ops.matmul(context, self.context_kernel)
        return ops.reshape(h, (-1, self.outputs, self.dim))

    def _kernel(self, shape: Sequence[int], name: str, is_last: bool) -> Any:
        # Near zero, for a flow near the identity; at zero the layers before would not learn.
        small = keras.initializers.RandomNormal(stddev=0.01)
        return self._weight(shape, small if is_last else "glorot_uniform", name)

    def _weight(self, shape: Sequence[int], initializer: Any, name: str) -> Any:
        return self.add_weight(shape, initializer, dtype="float32", autocast=False, name=name)


def in_order(step: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
    """Return the x with x = step(x), where coordinate i of `step(x)` depends on those before i.

    One step for each coordinate, in a loop; those that are not known yet are 0.

    Args:
        step: From `(batch, dim)` to `(batch, dim)`.
        like: A tensor of the shape of x.
    """
    dim = like.shape[-1]
    positions = np.arange(dim, dtype="int32")

    def body(i: Any, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (x,) = state
        return (ops.where(ops.equal(positions, i), step(x), x),)

    (x,) = repeat(dim, body, (ops.zeros_like(like),))
    return x
