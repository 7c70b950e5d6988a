"""Classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.conditions.condition import Condition
from keras_ae.parts import checked_claim, checked_size
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.conditions")
class Label(Condition):
    """One class of each example, a whole number from 0 on; its vector is one-hot.

    Arrays are checked. A label that comes in a stream, or to an export, and is out of range has a
    vector of NaN, which nothing hides.

    Args:
        categories: Number of classes, at least 1.
        names: What the classes are called where they are not called by their numbers, in the
            order of those.
        partial: Whether the class of an example may be unknown: -1, whose vector is 0.

    Reference:
        Kingma et al. (2014), https://arxiv.org/abs/1406.5298, section 2: the model M2's y.

    Example:
        >>> Label(3).embed(np.array([2, 0])).shape == (2, 3)
        True
    """

    shape = ()
    number_type = "int32"

    def __init__(
        self, categories: int, names: Sequence[Any] | None = None, partial: bool = False
    ) -> None:
        super().__init__()
        self.size = self.categories = checked_size("categories", categories)
        self.partial = checked_claim("partial", partial)
        self.names = None if names is None else list(names)
        if self.names is not None and {len(self.names), len(set(self.names))} != {self.size}:
            raise ValueError(
                f"`names` must be {self.categories} different ones. Received: names={self.names}"
            )

    def embed(self, values: Tensor) -> Tensor:
        """Return one-hot vectors, `(batch, categories)`."""
        numbers = ops.expand_dims(ops.cast(values, "float32"), -1)
        # Compared, not `one_hot`: an operation that every export format knows.
        hot = ops.cast(numbers == ops.arange(self.categories, dtype="float32"), "float32")
        right = ops.sum(hot, axis=-1, keepdims=True) > 0
        if self.partial:
            right = ops.logical_or(right, numbers == -1.0)
        return ops.where(right, hot, float("nan"))

    def centre(self) -> np.ndarray:
        """Return equal shares of all classes."""
        return np.full(self.size, 1.0 / self.size, "float32")

    def probe(self, rng: np.random.Generator, rows: int) -> np.ndarray:
        """Return labels at random."""
        return rng.integers(self._least, self.categories, rows, dtype="int32")

    def check_values(self, values: Any) -> None:
        """Refuse a label that is not one of the classes.

        Raises:
            ValueError: As said; the message names the first.
        """
        least = self._least
        wrong = np.flatnonzero((values < least) | (values >= self.categories) | (values % 1 != 0))
        if wrong.size:
            raise ValueError(
                f"`condition` must be whole numbers from {least} to {self.categories - 1}. "
                f"Received: {values[wrong[0]]} at {int(wrong[0])}, and {wrong.size} such in all. "
                "Number the classes from 0 on, or make the model with more `categories`."
            )

    def numbers_of(self, names: Any) -> np.ndarray:
        """Return the numbers of classes that are given by their names, `(rows,)` int32.

        Of partial labels -1, NaN, None and the empty name are unknown.

        Raises:
            ValueError: There is no class of a name.
        """
        known = {name: number for number, name in enumerate(self.names or range(self.categories))}
        wanted = np.asarray(names).tolist()
        if self.partial:
            known[-1] = -1
            wanted = [-1 if is_unknown(name) else name for name in wanted]
        for name in wanted:
            if name not in known:
                raise ValueError(f"a label must be one of {list(known)}. Received: {name!r}")
        return np.array([known[name] for name in wanted], "int32")

    @property
    def _least(self) -> int:
        return -1 if self.partial else 0


def is_unknown(name: Any) -> bool:
    """Return whether a partial label says nothing: -1, NaN, None or an empty name."""
    return name is None or name == "" or name == -1 or name != name
