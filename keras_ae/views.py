"""Functions of a model on all rows of arrays or streams, compiled."""

from __future__ import annotations

from typing import Any

import keras

from keras_ae.backend.compiled import rowwise
from keras_ae.backend.compiled.rowwise import Rowwise
from keras_ae.typing import Tensor

DRAWING = ("draw_tensor", "corrupt_tensor")
"""Functions that draw noise."""


class View(keras.Model):
    """One function of a model, run by Keras's own compiled `predict` loop.

    Args:
        model: The model, whose weights are shared.
        function: Name of one of its functions from tensor to tensor, such as "encode_tensor".
    """

    def __init__(self, model: keras.Model, function: str) -> None:
        super().__init__(name=function, autocast=False)
        self.model = model
        self.function = function
        self.built = True

    def call(self, inputs: Any) -> Tensor:
        """Return the function's value."""
        return getattr(self.model, self.function)(inputs)


class Views:
    """The functions of one model on all rows of arrays or of streams, each compiled when asked for.

    They are kept outside of Keras's tracking: a model must not contain models that contain it.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._views: dict[str, View] = {}
        self._rowwise: dict[Any, Rowwise] = {}

    def run(self, function: str, inputs: Any, batch_size: int | None = None, **options: Any) -> Any:
        """Return `function` of all rows of `inputs` as NumPy arrays."""
        plain = options.keys() <= {"verbose", "steps", "callbacks"} and not any(options.values())
        if plain and rowwise.is_possible(self._model, inputs):
            return self.rows(function, function in DRAWING)(inputs, batch_size)
        if function not in self._views:
            self._views[function] = View(self._model, function)
        options = {"verbose": 0, **options}
        return self._views[function].predict(inputs, batch_size=batch_size, **options)

    def forget(self, function: Any) -> None:
        """Compile a function anew when it is next asked for."""
        self._rowwise.pop(function, None)

    def rows(self, function: Any, draws: bool) -> Rowwise:
        """Return a function of the model, or one (model, batch), on rows of arrays; it is kept."""
        if function not in self._rowwise:
            self._rowwise[function] = Rowwise(self._model, function, draws)
        return self._rowwise[function]
