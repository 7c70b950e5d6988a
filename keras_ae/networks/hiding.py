"""Which patches of an example are hidden."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_ae.distributions.noise import Noise
from keras_ae.parts import Part, is_number
from keras_ae.typing import Shape, Tensor

KINDS = ("random", "block", "span", "column")


class Hidden(NamedTuple):
    """Which patches of each example are hidden.

    Args:
        kept: Numbers of those that are seen, int32 `(batch, kept)`.
        places: Of each patch its number in the seen ones, then the hidden ones, `(batch, count)`.
        mask: 1 where a patch is hidden, `(batch, count)` float32.
    """

    kept: Tensor
    places: Tensor
    mask: Tensor


@keras.saving.register_keras_serializable("keras_ae.networks")
class Hiding(Part):
    """Hides a share of the patches of each example, the same number in each.

    "random" hides any; "block" those nearest to a point; "span" whole slices along the first axis
    that lie side by side; "column" whole slices along the last axis, any of them.

    Args:
        kind: As said.
        share: Of the patches, in (0, 1).

    Reference:
        He et al. (2022), https://arxiv.org/abs/2111.06377, section 3, for "random".
    """

    def __init__(
        self, kind: Literal["random", "block", "span", "column"] = "random", share: float = 0.75
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"`kind` must be one of {KINDS}. Received: kind={kind!r}")
        if not is_number(share) or not 0.0 < share < 1.0:
            raise ValueError(f"`share` must be in (0, 1). Received: share={share!r}")
        self.kind, self.share, self.noise = kind, float(share), Noise()
        self.built = True

    def kept(self, grid: Shape) -> int:
        """Return how many of a grid's patches are seen: one patch or slice at least, and not all.

        Raises:
            ValueError: Slices are hidden whole, and there is one only.
        """
        count, slices = math.prod(grid), math.prod(grid)
        if self.kind in ("span", "column"):
            slices = grid[0] if self.kind == "span" else grid[-1]
            if slices < 2:
                raise ValueError(
                    f"of the mask {self.kind!r} an example must have two slices or more. Received: "
                    f"a grid of {grid} patches"
                )
        seen = min(slices - 1, max(1, round(slices * (1.0 - self.share))))
        return count // slices * seen

    def draw(self, like: Tensor, grid: Shape, training: bool) -> Hidden:
        """Return which patches are hidden, for as many rows as a tensor has."""
        # The fewer, the sooner it is hidden.
        order = ops.argsort(-self._scores(ops.shape(like)[0], grid, training), axis=1)
        places = ops.cast(ops.argsort(order, axis=1), "int32")
        seen = self.kept(grid)
        mask = ops.cast(places >= seen, "float32")
        return Hidden(ops.cast(order[:, :seen], "int32"), places, mask)

    def _scores(self, rows: Any, grid: Shape, training: bool) -> Tensor:
        """Return a number for each patch, `(rows, count)`: the least are hidden."""
        count = math.prod(grid)
        any_order = self.noise.uniform((rows, count), training=training)
        if self.kind == "random":
            return any_order
        places = np.indices(grid).reshape(len(grid), -1).astype("float32")
        if self.kind == "column":
            of_slice = self.noise.uniform((rows, grid[-1]), training=training)
            return ops.take(of_slice, places[-1].astype("int32"), axis=1) + 1e-6 * any_order
        axes = places if self.kind == "block" else places[:1]
        sizes = ops.convert_to_tensor(np.array(grid[: len(axes)], "float32"))
        middle = self.noise.uniform((rows, len(axes)), training=training) * sizes - 0.5
        apart = ops.abs(ops.convert_to_tensor(axes.T)[None] - middle[:, None])
        return ops.max(apart / sizes, axis=-1) + 1e-6 * any_order
