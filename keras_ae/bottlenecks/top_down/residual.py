"""Levels of maps at several resolutions, in residual blocks from the top down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_ae.bottlenecks.top_down.levelled import LevelledGaussian, Normal
from keras_ae.networks import residual, stages
from keras_ae.parts import checked_size, checked_sizes
from keras_ae.typing import Shape, Tensor

LIMIT, FLOOR = 5.0, 1e-2
"""How far means and log-deviations go, and the least deviation."""


class Level(NamedTuple):
    """The networks of a level.

    Args:
        resolution: Number of its map's size, 0 the finest.
        prior: State -> mean, log-deviation and what is added to the state.
        posterior: State and what is seen of the data -> mean and log-deviation of u.
        embed: z -> what is added to the state.
        go_on: State -> what is added to it, after z was.
    """

    resolution: int
    prior: Any
    posterior: Any
    embed: Any
    go_on: Any


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class TopDownGaussian(LevelledGaussian):
    """Levels of maps, from a single state at the coarsest resolution to the features' own.

    Each level adds to the state what its prior's network makes of it, and what its z says; between
    resolutions the state is doubled by repeating. The posterior sees the state beside what a
    network upwards makes of the data at that resolution. Means, in units of prior deviations, and
    logarithms of deviations are bent to +-5, and deviations are at least 0.01, so that no
    divergence runs away; each residual begins with 1 / sqrt(number of levels) of its size, and each
    prior as a standard normal.

    Args:
        latent_dim: Channels of each level's map.
        blocks: Numbers of levels at each resolution, from the coarsest on; each is half the next,
            rounded up, and the last is the features'.
        width: Channels of the state.

    Reference:
        Child (2021), https://arxiv.org/abs/2011.10650, section 3 and figure 3; Vahdat and Kautz
        (2020), https://arxiv.org/abs/2007.03898, section 3.2, for posteriors in units of the
        prior, and their code for the bounds.

    Example:
        >>> import numpy as np
        >>> code = TopDownGaussian(2, blocks=[1, 2], width=4)
        >>> code(np.ones((3, 4, 4, 4), "float32"))["latent"].shape == (3, 2 * (4 + 2 * 16))
        True
    """

    def __init__(self, latent_dim: int, blocks: Sequence[int] = (1, 2, 2), width: int = 32) -> None:
        super().__init__()
        self.latent_dim = checked_size("latent_dim", latent_dim)
        self.blocks = checked_sizes("blocks", blocks)
        if not self.blocks:
            raise ValueError("`blocks` must have one resolution or more. Received: none")
        self.width = checked_size("width", width)

    def build_levels(self, h_shape: Shape) -> Sequence[Shape]:
        """Make all networks."""
        spatial, width, count = tuple(h_shape[1:-1]), self.width, sum(self.blocks)
        rank, scale = stages.check_map(tuple(h_shape[1:]), "top-down"), count**-0.5
        conv, last = stages.layer("Conv", rank), len(self.blocks) - 1
        self.sizes = stages.sizes(spatial, last)
        self.enter = conv(width, 1, name="enter")
        self.enter.build(h_shape)
        self.up = [
            residual.block((*size, width), width, f"up_{i}", scale=scale)
            for i, size in enumerate(self.sizes)
        ]
        self.start = self.add_weight(
            name="start",
            shape=(*self.sizes[-1], width),
            initializer="zeros",
            dtype="float32",
            autocast=False,
        )
        self.levels: list[Level] = []
        shapes: list[Shape] = []
        for i, blocks in enumerate(self.blocks):
            size = self.sizes[last - i]
            for _ in range(blocks):
                self.levels.append(self._level(last - i, (*size, width), scale, len(shapes)))
                shapes.append((*size, self.latent_dim))
        # Keras does not track what is inside of tuples of this kind.
        self.networks = [part for level in self.levels for part in level[1:]]
        return shapes

    def _level(self, resolution: int, shape: Shape, scale: float, number: int) -> Level:
        width, name, numbers = self.width, f"level_{number + 1}", 2 * self.latent_dim
        embed = stages.layer("Conv", len(shape) - 1)(
            width,
            1,
            name=f"{name}_embed",
            kernel_initializer=residual.scaled(scale, self.latent_dim),
        )
        embed.build((None, *shape[:-1], self.latent_dim))
        return Level(
            resolution,
            residual.block(shape, numbers + width, f"{name}_prior", middle=width // 2, scale=0.0),
            residual.block((*shape[:-1], 2 * width), numbers, f"{name}_posterior", middle=width),
            embed,
            residual.block(shape, width, f"{name}_go_on", scale=scale),
        )

    def bottom_up(self, features: Tensor) -> Sequence[Tensor]:
        """Return the data's maps at each level's resolution, the top level first."""
        h, maps = self.enter(features), []
        for i, network in enumerate(self.up):
            if i:
                h = _halved(h, self.sizes[i])
            h = h + network(h)
            maps.append(h)
        return [maps[level.resolution] for level in self.levels]

    def first_state(self, like: Tensor) -> Tensor:
        """Return the state at the coarsest resolution, the same for all rows."""
        rows = ops.shape(like)[0]
        start = ops.convert_to_tensor(self.start)[None]
        return ops.zeros((rows, *(1,) * (len(start.shape) - 1)), "float32") + start

    def prior(self, level: int, state: Tensor) -> tuple[Normal, Tensor]:
        """Return the level's prior, and the state with what its network adds."""
        found = self.levels[level]
        state = _doubled(state, self.sizes[found.resolution])
        made = ops.cast(found.prior(state), "float32")
        mean, log_deviation, more = ops.split(made, [self.latent_dim, 2 * self.latent_dim], axis=-1)
        return Normal(mean, _log_variance(log_deviation)), state + more

    def posterior(self, level: int, state: Tensor, seen: Tensor, prior: Normal) -> Normal:
        """Return mean and log-variance of u."""
        both = ops.concatenate([state, ops.cast(seen, "float32")], axis=-1)
        made = ops.cast(self.levels[level].posterior(both), "float32")
        mean, log_deviation = ops.split(made, 2, axis=-1)
        return Normal(_bent(mean), _log_variance(log_deviation))

    def advance(self, level: int, state: Tensor, z: Tensor) -> Tensor:
        """Return the state with z and what follows from both."""
        found = self.levels[level]
        state = state + ops.cast(found.embed(z), "float32")
        return state + ops.cast(found.go_on(state), "float32")


def _bent(values: Tensor) -> Tensor:
    """Return values within +-LIMIT, near 0 as they are."""
    return LIMIT * ops.tanh(values / LIMIT)


def _log_variance(log_deviation: Tensor) -> Tensor:
    """Return log((exp(bent) + FLOOR)^2)."""
    return 2.0 * ops.log(ops.exp(_bent(log_deviation)) + FLOOR)


def _halved(maps: Tensor, size: Shape) -> Tensor:
    """Return maps of half the size, rounded up: means of two places on each axis."""
    for axis, want in enumerate(size, 1):
        have = maps.shape[axis]
        if have % 2:
            maps = ops.concatenate([maps, ops.take(maps, [have - 1], axis=axis)], axis=axis)
        shape = [-1, *maps.shape[1:]]
        pairs = ops.reshape(maps, [*shape[:axis], want, 2, *shape[axis + 1 :]])
        maps = ops.mean(pairs, axis=axis + 1)
    return maps


def _doubled(maps: Tensor, size: Shape) -> Tensor:
    """Return maps of this size: as they are, or each place repeated, and cut."""
    if tuple(maps.shape[1:-1]) == tuple(size):
        return maps
    for axis, want in enumerate(size, 1):
        maps = ops.repeat(maps, 2, axis=axis)
        if maps.shape[axis] != want:
            maps = ops.take(maps, list(range(want)), axis=axis)
    return maps
