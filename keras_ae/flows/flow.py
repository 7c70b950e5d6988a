"""What every flow promises."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, final

from keras import ops

from keras_ae.parts import Part
from keras_ae.typing import Tensor


class Flow(Part):
    """An invertible map of vectors, whose log-determinant is known.

    A flow that was built with a context's shape depends on a context, which every call then needs.
    Everything is computed in float32 under any mixed-precision policy. `cheap_inverse` says
    whether `invert` costs about as much as `transform`, or less; `is_ordered`, whether the order
    of the coordinates decides which of them sees which.
    """

    cheap_inverse: bool = True
    is_ordered: bool = False

    def __init__(self) -> None:
        super().__init__()
        self.dtype_policy = "float32"

    @final
    def build(self, z_shape: Any, context_shape: Any = None) -> None:
        """Make the weights.

        Args:
            z_shape: `(None, dim)`.
            context_shape: `(None, context_dim)`, or None for a flow without a context.

        Raises:
            ValueError: A shape is not that of vectors of a known length.
        """
        self.dim = _length("z_shape", z_shape)
        self.context_dim = (
            None if context_shape is None else _length("context_shape", context_shape)
        )
        self._make_weights(self.dim, self.context_dim)
        self.built = True

    @final
    def call(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return what `transform` does."""
        return self.transform(z, context)

    @final
    def transform(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the image `(batch, dim)` and log |det dz_next / dz| `(batch,)`, in nats.

        Args:
            z: `(batch, dim)`.
            context: `(batch, context_dim)`, for a flow that was built with one.

        Raises:
            ValueError: A context is missing, or there should be none; or `dim` is another.
        """
        return self._transform(*self._checked(z, context))

    @final
    def invert(self, z_next: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the z whose image `z_next` is, and log |det dz / dz_next| `(batch,)`, in nats.

        Args:
            z_next: `(batch, dim)`.
            context: `(batch, context_dim)`, for a flow that was built with one.

        Raises:
            ValueError: A context is missing, or there should be none; or `dim` is another.
        """
        return self._invert(*self._checked(z_next, context))

    def _checked(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor | None]:
        if not self.built:
            raise ValueError(
                f"a flow must be built before use. Received: a {type(self).__name__} that is not. "
                "Call `flow.build((None, dim))`, with the context's shape if there is one."
            )
        if (context is None) != (self.context_dim is None):
            raise ValueError(
                "a flow must be given a context if, and only if, it was built with one. Received: "
                f"{'no context' if context is None else 'a context'}, and a {type(self).__name__} "
                f"built with context_dim={self.context_dim}"
            )
        if z.shape[-1] not in (self.dim, None):  # one coordinate would broadcast
            raise ValueError(
                f"vectors of this flow must have {self.dim} coordinates. "
                f"Received: shape={tuple(z.shape)}"
            )
        return ops.cast(z, "float32"), None if context is None else ops.cast(context, "float32")

    @abstractmethod
    def _make_weights(self, dim: int, context_dim: int | None) -> None:
        """Make what `_transform` and `_invert` need; nothing else is built."""

    @abstractmethod
    def _transform(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return what `transform` does, of float32 tensors."""

    @abstractmethod
    def _invert(self, z_next: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return what `invert` does, of float32 tensors."""


def _length(name: str, shape: Any) -> int:
    if len(shape) != 2 or shape[-1] is None:
        raise ValueError(
            f"`{name}` must be (batch, length) with a known length. Received: {name}={tuple(shape)}"
        )
    return int(shape[-1])
