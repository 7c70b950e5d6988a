"""How a dictionary's atoms are used, and how much of the data they explain, over all rows."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_ae.backend.whole_batch import over_batch
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae")
class AtomUsage(keras.metrics.Metric):
    """`l0`, `explained` and `dead_atoms` of sparse codes.

    `l0` is the mean number of entries of a code that are not zero; `explained` the share of the
    data's variance, 1 - sum |x - x^|^2 / sum |x - mean|^2; `dead_atoms` the share of the atoms that
    no row used.

    Args:
        size: Number of atoms.
        width: Numbers of an example.
    """

    def __init__(self, size: int, width: int, name: str = "atom_usage") -> None:
        super().__init__(name=name)
        self.size, self.width = size, width
        of_columns = {"moment": (width,), "seen": (width,)}
        shapes = {"uses": (size,), **of_columns, "squares": (), "error": (), "rows": ()}
        for key, shape in shapes.items():
            setattr(self, key, self.add_variable(shape, "zeros", name=key))

    def update_state(
        self, latent: Tensor, centred: Tensor, error: Tensor, seen: Tensor | None = None
    ) -> None:
        """Add a batch.

        Args:
            latent: Codes, `(batch, size)`.
            centred: Data less a fixed point near their mean, `(batch, width)`, 0 where missing.
            error: Data less what stands for them, `(batch, width)`, 0 where missing.
            seen: 1 where a number is observed, `(batch, width)`; None where all are.
        """
        active = ops.cast(ops.not_equal(latent, 0.0), "float32")
        rows = ops.cast(ops.shape(latent)[0], "float32")
        seen = ops.ones_like(centred) if seen is None else seen
        sums = [ops.sum(a, axis=0) for a in (active, centred, seen)]
        over_batch(
            self._add, [*sums, ops.sum(ops.square(centred)), ops.sum(ops.square(error)), rows]
        )

    def _add(self, *sums: Tensor) -> None:
        kept = (self.uses, self.moment, self.seen, self.squares, self.error, self.rows)
        for variable, value in zip(kept, sums, strict=True):
            variable.assign(ops.add(variable, value))

    def result(self) -> dict[str, Tensor]:
        """Return the numbers by name."""
        uses, moment, seen, squares, error, rows = map(
            ops.convert_to_tensor,
            (self.uses, self.moment, self.seen, self.squares, self.error, self.rows),
        )
        rows = ops.maximum(rows, 1.0)
        spread = squares - ops.sum(ops.square(moment) / ops.maximum(seen, 1.0))
        return {
            "l0": ops.sum(uses) / rows,
            "explained": 1.0 - error / ops.maximum(spread, 1e-30),
            "dead_atoms": ops.mean(ops.cast(uses == 0, "float32")),
        }

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"size": self.size, "width": self.width, "name": self.name}
