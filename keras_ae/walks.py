"""Ways through the codes, decoded: from one example to another, and along one number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops

from keras_ae import arrays
from keras_ae import inputs as data
from keras_ae.parts import checked_size
from keras_ae.typing import Shape


class Walks:
    """Decoded codes between examples and around one."""

    def interpolate(self: Any, a: Any, b: Any, steps: int = 8) -> Any:
        """Return decoded codes on the lines from a's to b's: shortest where codes live.

        Args:
            a: Start examples `(rows, *event_shape)`, or a dict of them with conditions, under
                which all of a line is decoded.
            b: End examples, as many.
            steps: Number of points on each line, ends included.

        Returns:
            `(rows, steps, *event_shape)`, data units.

        Raises:
            ValueError: There are not as many ends as starts.
        """
        a, b = self._checked(a), self._checked(b)
        arrays.check_rows(a=data.read(a)[0], b=data.read(b)[0])
        ends = self.encode(a)[:, None], self.encode(b)[:, None]
        share = np.linspace(0.0, 1.0, checked_size("steps", steps), dtype="float32")
        share = share.reshape(1, -1, *(1,) * len(self.latent_shape))
        given = map(ops.convert_to_tensor, (*ends, share))
        grid = ops.convert_to_numpy(self.bottleneck.between(*given))
        return self._decode_grid(grid, _known_condition(self, a))

    @property
    def can_traverse(self: Any) -> bool:
        """Whether the code is a vector of numbers of which each moves by itself."""
        return len(self.latent_shape) == 1 and self.bottleneck.space == "vectors"

    def traverse(
        self: Any, x: Any, dimension: int | None = None, steps: int = 7, span: float = 3.0
    ) -> Any:
        """Return decoded codes in which one number runs from -span to span.

        Args:
            x: One example `(*event_shape)` or one row of them `(1, *event_shape)`, or a dict of
                one with its condition.
            dimension: Which number of the code runs; each in turn when None.
            steps: Number of points on each walk.
            span: Half the length of the walk, in units of the code (standard deviations of a
                standard normal prior).

        Returns:
            `(dimensions, steps, *event_shape)`, data units.

        Raises:
            ValueError: The code is not a vector, or the dimension is not one of it.
        """
        if not self.can_traverse:
            raise ValueError(
                "a traversal needs a code that is a vector of numbers that move by themselves. "
                f"Received: latent_shape={self.latent_shape}, codes in {self.bottleneck.space}. "
                "Use `interpolate`."
            )
        length = self.latent_shape[0]
        if dimension is not None and dimension not in range(length):
            raise ValueError(
                f"`dimension` must be in 0..{length - 1}. Received: dimension={dimension}"
            )
        x = _as_rows(x, self.event_shape)
        codes = self.encode(x)
        if len(codes) > 1:
            raise ValueError(f"a traversal starts from one example. Received: {len(codes)} rows")
        code = codes[0]
        dimensions = range(length) if dimension is None else [dimension]
        grid = np.tile(code, (len(dimensions), checked_size("steps", steps), 1))
        for row, index in enumerate(dimensions):
            grid[row, :, index] = np.linspace(-span, span, steps)
        condition = _known_condition(self, x)
        return self._decode_grid(
            grid, None if condition is None else np.repeat(condition, len(grid), axis=0)
        )

    def _decode_grid(self: Any, grid: np.ndarray, condition: np.ndarray | None) -> Any:
        """Return decoded rows of codes, each row under its condition."""
        steps = grid.shape[1]
        each = None if condition is None else np.repeat(condition, steps, axis=0)
        flat = self.decode(grid.reshape(-1, *self.latent_shape), condition=each)
        return flat.reshape(*grid.shape[:2], *self.event_shape)


def _known_condition(model: Any, x: Any) -> np.ndarray | None:
    """Return the conditions of rows, the likeliest label where one is not known."""
    condition: np.ndarray | None = data.read(x)[1]
    if condition is None or not model.condition.partial:
        return condition
    return np.where(condition < 0, model.class_probabilities(x).argmax(axis=1), condition)


def _as_rows(x: Any, event_shape: Shape) -> Any:
    """Return one example, alone or as a row, as arrays of rows."""
    given = dict(x) if isinstance(x, Mapping) else {"x": x}
    found = {k: arrays.as_numbers(k, v) for k, v in given.items() if v is not None or k == "x"}
    if "x" in found and found["x"].ndim == len(event_shape):
        found = {key: array[None] for key, array in found.items()}
    return found if isinstance(x, Mapping) else found["x"]
