"""How far a model's networks see, and whether they do the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from keras_ae.typing import Shape

TOLERANCE = 1e-2
"""What may differ, of the largest number, when data are moved; half precision is so exact."""

MOVED_ROWS = 4
"""Random examples that are moved."""


class Network(NamedTuple):
    """A network between data and a map of codes.

    Args:
        function: Of a batch `(batch, *shape)`.
        shape: Of one example.
        taken: Entries of the input for a place of the map, on each axis.
        given: Entries of the output for a place, on each axis.
    """

    function: Callable[[Any], Any]
    shape: Shape
    taken: Shape
    given: Shape

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return what it makes of a batch."""
        return np.asarray(ops.convert_to_numpy(self.function(ops.convert_to_tensor(x))))

    def reach(self) -> Shape:
        """Return how many places away an entry changes what comes out, on each axis.

        Where one entry is NaN, all that depends on it comes out NaN.
        """
        found = []
        for axis, (taken, given) in enumerate(zip(self.taken, self.given, strict=True)):
            middle, farthest = self.shape[axis] // taken // 2, 0
            for offset in range(taken):
                x = np.zeros((1, *self.shape), "float32")
                np.moveaxis(x, axis + 1, 0)[middle * taken + offset] = np.nan
                changed = np.isnan(np.moveaxis(self(x), axis + 1, 0))
                places = np.flatnonzero(changed.any(axis=tuple(range(1, changed.ndim)))) // given
                farthest = max(farthest, int(np.abs(places - middle).max(initial=0)))
            found.append(farthest)
        return tuple(found)

    def moves(self, axis: int) -> float:
        """Return by how much what comes out differs, moved, for data that are moved by a place.

        It is of places that see no edge, if the network sees less than half of its map, and is
        divided by the largest number that comes out.
        """
        taken, given = self.taken[axis], self.given[axis]
        x = np.random.default_rng(0).normal(size=(MOVED_ROWS, *self.shape)).astype("float32")
        before, after = self(x), self(np.roll(x, taken, axis + 1))
        middle = before.shape[axis + 1] // given // 2 * given
        here, there = (
            np.moveaxis(out, axis + 1, 0)[start : start + given]
            for out, start in ((before, middle - given), (after, middle))
        )
        return float(np.abs(here - there).max() / max(np.abs(before).max(), 1e-30))


def networks_of(model: Any) -> dict[str, Network]:
    """Return the encoder and the decoder with their shapes and the entries of a place."""
    ones = (1,) * (len(model.event_shape) - 1)
    sizes = zip(model.event_shape[:-1], model.latent_shape[:-1], strict=True)
    strides = tuple(size // places for size, places in sizes)

    def features(x: Any) -> Any:
        return model.encoder(model.likelihood.encoder_input(x))

    return {
        "encoder": Network(features, model.event_shape, strides, ones),
        "decoder": Network(model.decoder, model.latent_shape, ones, strides),
    }


def check_local(model: Any) -> None:
    """Refuse a model whose codes are not maps, each place of its own features.

    Raises:
        ValueError: As said.
    """
    name, code = model.variant, type(model.bottleneck).__name__
    hint = "Take `autoencoder_kl`, `vq_gan`, or `vq_vae` with `encoder='conv'`."
    if model.condition is not None or model.missing is not None:
        raise ValueError(f"tiles are of complete data without conditions. Received: `{name}`")
    axes = len(model.event_shape)
    is_map = axes > 1 and len(model.encoder.output_shape) == len(model.latent_shape) + 1 == axes + 1
    if not is_map or not model.bottleneck.is_local:
        raise ValueError(
            "tiles need codes that are maps of which each place follows from the features there. "
            f"Received: `{name}`, whose code is of {code}, {model.latent_shape}. {hint}"
        )
    for size, places in zip(model.event_shape[:-1], model.latent_shape[:-1], strict=True):
        if size % places:
            raise ValueError(
                "a tile must be a whole number of entries for each place of the code. Received: "
                f"{model.event_shape} for {model.latent_shape}. Make the model for a size that "
                "its strides divide."
            )


def check_moves(model: Any) -> None:
    """Refuse networks that do not give the same, moved, for data that are moved by a place.

    Raises:
        ValueError: As said.
    """
    for name, network in networks_of(model).items():
        for axis, stride in enumerate(network.taken):
            apart = network.moves(axis)
            if apart > TOLERANCE:
                raise ValueError(
                    f"tiles need networks that do the same everywhere. Received: `{model.variant}`,"
                    f" whose {name} gives other numbers, by {apart:.1%}, for data that are moved "
                    f"by {stride} on axis {axis}. Take convolutions whose strides divide the size."
                )
