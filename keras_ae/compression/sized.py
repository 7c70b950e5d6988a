"""A convolutional model made again for examples of another size."""

from __future__ import annotations

from typing import Any

from keras_ae.copies import copied
from keras_ae.typing import Shape


def of_size(model: Any, shape: Shape) -> Any:
    """Return a model for examples of another size, with the same weights.

    Args:
        model: The model.
        shape: Shape of one example.

    Raises:
        ValueError: The model's networks are made for one size.
    """
    if tuple(shape) == tuple(model.event_shape):
        return model
    if len(shape) != len(model.event_shape) or shape[-1] != model.event_shape[-1]:
        raise _refusal(model, shape)
    try:
        return copied(model, input_shape=list(shape))
    except ValueError as error:
        raise _refusal(model, shape) from error


def _refusal(model: Any, shape: Shape) -> ValueError:
    return ValueError(
        f"this model takes examples of shape {tuple(model.event_shape)}, and of another size only "
        f"if its networks are convolutions. Received: an example of shape {tuple(shape)}"
    )
