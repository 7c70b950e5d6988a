"""Learned inputs whose posteriors make up a prior."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.parts import Part, checked_size
from keras_ae.typing import Batch, Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.priors")
class PseudoInputs(Part):
    """Examples u_1, ..., u_K in normalised units that are trained with the model.

    They start as training examples when the model is fitted, within the range of each last-axis
    entry, before that as noise, and stay within the support of the model's likelihood. In a model
    with a condition each has one of its own, a vector that is learned too, so that the prior is the
    same under all conditions.

    Args:
        count: K, at least 1.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = checked_size("components", count)
        self.conditions: Any = None
        self.built = True

    def make_weights(self, event_shape: Shape) -> None:
        """Make the inputs, `(count, *event_shape)`."""
        state = {"dtype": "float32", "autocast": False}
        shape = (self.count, *event_shape)
        start = keras.initializers.RandomNormal(stddev=0.5)
        self.inputs = self.add_weight(shape, start, name="inputs", **state)

    def make_conditional_weights(self, centre: np.ndarray) -> None:
        """Make the conditions, `(count, size)`, all of which start at `centre`, `(size,)`."""
        state = {"dtype": "float32", "autocast": False}
        self.conditions = self.add_weight((self.count, len(centre)), name="conditions", **state)
        self.conditions.assign(np.tile(centre, (self.count, 1)))

    def adapt(self, rows: Any, seed: int = 0) -> None:
        """Start at examples drawn from `rows`, normalised `(n, *event_shape)`."""
        rng = np.random.default_rng(seed)
        rows = np.nan_to_num(np.asarray(rows))
        chosen = rows[rng.choice(len(rows), self.count, replace=len(rows) < self.count)]
        # Copies of one example would stay copies; outside of the support no gradient reaches them.
        jitter = rng.normal(scale=1e-2, size=chosen.shape)
        axes = tuple(range(rows.ndim - 1))
        start = np.clip(chosen + jitter, rows.min(axis=axes), rows.max(axis=axes))
        self.inputs.assign(start.astype("float32"))

    def features(self, model: Any) -> Tensor:
        """Return the encoder's features of the inputs, `(count, ...)`."""
        u = model.likelihood.nearest(ops.convert_to_tensor(self.inputs))
        told = None if self.conditions is None else ops.convert_to_tensor(self.conditions)
        return model.features(u, Batch(u, u, told))
