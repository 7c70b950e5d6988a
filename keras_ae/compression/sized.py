"""A convolutional model on examples of another size."""

from __future__ import annotations

import warnings
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


def aligned(shape: Shape, own: Shape, coarsest: Shape) -> Shape:
    """Return the least shape that holds an example and falls on maps as a model's own does.

    Where strided convolutions look depends on what a size leaves when it is halved, again and
    again. A model has learned that of its own size; of another its maps do not fit together.

    Args:
        shape: Of an example.
        own: Of those that the model was trained on.
        coarsest: Of the model's smallest map.
    """
    if len(coarsest) != len(own):
        return shape
    sizes = []
    for new, old, end in zip(shape[:-1], own[:-1], coarsest[:-1], strict=True):
        stride = 1
        while -(-old // stride) > end:
            stride *= 2
        sizes.append(new + (old - new) % stride)
    return (*sizes, shape[-1])


def warn_of_insides(shape: Shape, own: Shape, coarsest: Shape, kernel_size: int) -> None:
    """Warn of examples that have places far from all ends, where a model has seen none.

    Args:
        shape: Of an example.
        own: Of those that the model was trained on.
        coarsest: Of the side information of those.
        kernel_size: How many of its places a convolution sees along an axis.
    """
    for new, old, places in zip(shape[:-1], own[:-1], coarsest[:-1], strict=False):
        if new > old and places < kernel_size:
            least = kernel_size * -(-old // places)
            warnings.warn(
                f"an example of shape {tuple(shape)} has places that are further from its ends "
                f"than any of shape {tuple(own)}, on which this model was trained: they cost more "
                f"bits. Train on examples of {least} along each axis",
                stacklevel=3,
            )
            return


def _refusal(model: Any, shape: Shape) -> ValueError:
    return ValueError(
        f"this model takes examples of shape {tuple(model.event_shape)}, and of another size only "
        f"if its networks are convolutions. Received: an example of shape {tuple(shape)}"
    )
