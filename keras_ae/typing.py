"""The shared vocabulary: what flows between the parts of a model."""

from __future__ import annotations

from typing import Any, NamedTuple

Tensor = Any
"""A backend tensor, a Keras tensor or a NumPy array; every docstring states its shape."""

Shape = tuple[int, ...]
"""A shape without its batch axis."""

Outputs = dict[str, Any]
"""One forward pass by name: `latent`, `decoded`, `reconstruction` and the bottleneck's reports."""


class Batch(NamedTuple):
    """What the trunk hands to `autoencode` and to every term.

    Args:
        x: Input in normalised units, float32, `(batch, *event_shape)`; missing entries hold 0.
        target: What the reconstruction is compared with, same units and shape as `x`.
        condition: What the model is told of each example, as vectors float32 `(batch, size)`, or
            None.
        mask: 1 where an entry of the target is observed and 0 where it is missing or padding,
            float32, `(batch, *event_shape)` or a leading part of it; None when all is observed.
        weight: Weight of each row in training, float32, `(batch,)`; None when all weigh 1.
        grouped: 1 for each row where rows are the members of groups, one group after another,
            float32, `(batch,)`; None where rows stand alone.
        seen: 1 where an entry of x is observed, which a target may have and x not; as `mask`.
    """

    x: Tensor
    target: Tensor
    condition: Tensor | None = None
    mask: Tensor | None = None
    weight: Tensor | None = None
    grouped: Tensor | None = None
    seen: Tensor | None = None
