"""What every posterior of several levels promises, each given those above."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, final

from keras import ops

from keras_ae.bottlenecks.diagonal_gaussian import DiagonalGaussian
from keras_ae.typing import Outputs, Shape, Tensor


class Normal(NamedTuple):
    """A normal distribution with independent coordinates.

    Args:
        mean: `(batch, ...)`.
        log_var: As many.
    """

    mean: Tensor
    log_var: Tensor


class LevelledGaussian(DiagonalGaussian):
    """q(z_1, ..., z_L | x) = prod_l q(z_l | z_<l, x), normal each, from the top level down.

    Each level has a prior of its own, p(z_l | z_<l), from a state that remembers the levels above.
    The code is what is new in a level, u_l = (z_l - prior mean) / prior deviation, so that its
    prior is a standard normal, and the divergence of its posterior is that of z_l's. A code is one
    vector, the top level first; `parts` names the levels, "level_1" the top.
    """

    reports = ("features", "mean", "log_var", "state")
    has_paths = False
    ancestral = True

    def __init__(self) -> None:
        super().__init__(each=True)

    # What a hierarchy defines.

    @abstractmethod
    def build_levels(self, h_shape: Shape) -> Sequence[Shape]:
        """Make all weights for features `(None, ...)`; return the shapes of z_1, z_2, ..."""

    @abstractmethod
    def bottom_up(self, features: Tensor) -> Sequence[Tensor]:
        """Return what the posterior of each level sees of the features, the top level first."""

    @abstractmethod
    def first_state(self, like: Tensor) -> Tensor:
        """Return the state above the top level, for as many rows as a tensor has."""

    @abstractmethod
    def prior(self, level: int, state: Tensor) -> tuple[Normal, Tensor]:
        """Return p(z_l | z_<l) of a level's state, and the state that goes on."""

    @abstractmethod
    def posterior(self, level: int, state: Tensor, seen: Tensor, prior: Normal) -> Normal:
        """Return q(z_l | z_<l, x) in units of the prior: the distribution of u_l."""

    @abstractmethod
    def advance(self, level: int, state: Tensor, z: Tensor) -> Tensor:
        """Return the state below a level of which z was drawn."""

    # What all share.

    @final
    def build_heads(self, flat_shape: Any) -> None:
        """Make the weights of all levels."""
        self.shapes = [tuple(shape) for shape in self.build_levels(tuple(flat_shape))]
        self.latent_shape = (sum(map(math.prod, self.shapes)),)
        ends = [0]
        for shape in self.shapes:
            ends.append(ends[-1] + math.prod(shape))
        self.parts = {
            f"level_{i + 1}": slice(ends[i], ends[i + 1]) for i in range(len(self.shapes))
        }

    @final
    def parameters_of(self, features: Tensor) -> Outputs:
        """Return the `features`, from which parameters follow level by level."""
        return {"features": ops.cast(features, "float32")}

    @final
    def code(self, parameters: Outputs) -> Outputs:
        """Return the means of the levels, each given the means above."""
        return self._run(parameters["features"], None)

    @final
    def draw(self, parameters: Outputs, training: bool = False) -> Outputs:
        """Return a draw of each level given those above, and its parameters.

        `latent`, `mean` and `log_var` are those of u, `(batch, latent_dim)`; `state` is what is
        below the last level.
        """
        shape = (ops.shape(parameters["features"])[0], *self.latent_shape)
        return self._run(parameters["features"], self.noise.normal(shape, "float32", training))

    @final
    def generate(self, codes: Tensor) -> Tensor:
        """Return the state below the last level of codes u, `(batch, latent_dim)`."""
        codes = ops.cast(codes, "float32")
        state = self.first_state(codes)
        for level, u in enumerate(self._levels(codes)):
            prior, state = self.prior(level, state)
            state = self.advance(level, state, prior.mean + ops.exp(0.5 * prior.log_var) * u)
        return state

    def _run(self, features: Tensor, noise: Tensor | None) -> Outputs:
        seen, state = self.bottom_up(features), self.first_state(features)
        draws = [None] * len(self.shapes) if noise is None else self._levels(noise)
        found: dict[str, list[Tensor]] = {"latent": [], "mean": [], "log_var": []}
        for level, epsilon in enumerate(draws):
            prior, state = self.prior(level, state)
            mean, log_var = self.posterior(level, state, seen[level], prior)
            u = mean if epsilon is None else mean + ops.exp(0.5 * log_var) * epsilon
            z = prior.mean + ops.exp(0.5 * prior.log_var) * u
            state = self.advance(level, state, z)
            for key, value in (("latent", u), ("mean", mean), ("log_var", log_var)):
                found[key].append(ops.reshape(value, (ops.shape(features)[0], -1)))
        joined = {key: ops.concatenate(values, axis=1) for key, values in found.items()}
        return {**joined, "state": state}

    def _levels(self, codes: Tensor) -> list[Tensor]:
        """Return the levels of codes or of noise, `(batch, *shape)` each."""
        slices = zip(self.parts.values(), self.shapes, strict=True)
        return [ops.reshape(codes[:, part], (-1, *shape)) for part, shape in slices]
