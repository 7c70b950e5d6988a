"""The likelihood of a table whose columns are of different kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_ae.distributions.event import expand_mask
from keras_ae.distributions.noise import Draws
from keras_ae.likelihoods.likelihood import Likelihood
from keras_ae.likelihoods.named import NAMED
from keras_ae.parts import checked_size, resolve
from keras_ae.typing import Shape, Tensor


class Group(NamedTuple):
    """Neighbouring columns of one kind.

    Args:
        likelihood: Of these columns.
        columns: Where they are in the data's last axis.
        decoded: Where their parameters are in the decoder's.
    """

    likelihood: Likelihood
    columns: slice
    decoded: slice


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class MixedTabular(Likelihood):
    """Columns in groups, each under a likelihood of its own: the sum of their log-densities.

    A scaling of the inputs leaves the columns of groups that do not allow it as they are.

    Args:
        columns: The groups from the first column on, each a dict of the likelihood's "name", the
            "width" of the group (its number of columns), and the likelihood's options.

    Reference:
        Nazabal et al. (2020), https://arxiv.org/abs/1807.03653, section 2.2, for heterogeneous
        columns; Xu et al. (2019), https://arxiv.org/abs/1907.00503, for tables.

    Example:
        >>> table = MixedTabular([{"name": "gaussian", "width": 2},
        ...                       {"name": "one_hot_categorical", "width": 3},
        ...                       {"name": "negative_binomial", "width": 1}])
        >>> table.decoded_shape((6,))
        (7,)
    """

    def __init__(self, columns: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        groups, start, decoded_start = [], 0, 0
        for options in _checked(columns):
            options = dict(options)
            width = checked_size("width", options.pop("width"))
            likelihood = resolve("likelihood", options, NAMED, Likelihood)
            decoded_width = likelihood.decoded_shape((width,))[0]
            here = slice(start, start + width)
            groups.append(
                Group(likelihood, here, slice(decoded_start, decoded_start + decoded_width))
            )
            start, decoded_start = here.stop, decoded_start + decoded_width
        self.groups = tuple(groups)
        # A layer is tracked where it stands in a list of layers.
        self.likelihoods = [group.likelihood for group in groups]
        self.width, self.decoded_width = start, decoded_start
        self.whole = any(likelihood.whole for likelihood in self.likelihoods)
        self.imputes = all(likelihood.imputes for likelihood in self.likelihoods)
        self.masses = all(likelihood.masses for likelihood in self.likelihoods)

    def decoded_shape(self, event_shape: Shape) -> Shape:
        """Return the shape of an example with the groups' parameters in its last axis."""
        return (*event_shape[:-1], self.decoded_width)

    def encoder_input(self, x: Tensor) -> Tensor:
        """Return each group as its likelihood gives it to an encoder."""
        parts = [group.likelihood.encoder_input(x[..., group.columns]) for group in self.groups]
        return ops.concatenate(parts, axis=-1)

    def nearest(self, x: Tensor) -> Tensor:
        """Return each group within the interval of its own likelihood's support."""
        parts = [group.likelihood.nearest(x[..., group.columns]) for group in self.groups]
        return ops.concatenate(parts, axis=-1)

    def log_unit(self, log_scale: Tensor) -> Tensor:
        """Return what each group says of its columns, `(width,)`."""
        parts = [group.likelihood.log_unit(log_scale[group.columns]) for group in self.groups]
        return ops.concatenate(parts, axis=-1)

    def check_event(self, event_shape: Shape) -> None:
        """Refuse a table of another number of columns.

        Raises:
            ValueError: As said.
        """
        if event_shape[-1] != self.width:
            raise ValueError(
                f"`columns` must describe all {event_shape[-1]} columns of an example. "
                f"Received: groups of {self.width} columns together."
            )

    def check_units(self, normalize: str) -> None:
        """Refuse a scaling that all of the groups refuse.

        Raises:
            ValueError: As said, by the first of them.
        """
        refusals = [_refusal(likelihood, normalize) for likelihood in self.likelihoods]
        if all(refusals) and (first := refusals[0]) is not None:
            raise first

    def scaled(self, normalize: str, width: int) -> np.ndarray:
        """Return where the columns are of groups that allow the scaling, `(width,)`.

        Raises:
            ValueError: None does.
        """
        self.check_units(normalize)
        allowed = np.zeros(width, "bool")
        for group in self.groups:
            allowed[group.columns] = _refusal(group.likelihood, normalize) is None
        return allowed

    def check_support(self, x: np.ndarray) -> None:
        """Refuse data that a group's likelihood gives no probability.

        Raises:
            ValueError: As said.
        """
        for group in self.groups:
            group.likelihood.check_support(x[..., group.columns])

    def has_gaps(self) -> bool:
        """Return whether a group has gaps."""
        return any(likelihood.has_gaps() for likelihood in self.likelihoods)

    def log_prob(
        self,
        decoded: Tensor,
        x: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Return the sum of the groups' log-densities, `(batch,)`, nats."""
        values = self.log_probs(decoded, x, mask, training, weight)
        return sum(values[1:], values[0])

    def log_probs(
        self,
        decoded: Tensor,
        x: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        weight: Tensor | None = None,
    ) -> list[Tensor]:
        """Return the log-density of each group, `(batch,)`, nats; arguments as `log_prob`'s."""
        if mask is not None:
            mask = expand_mask(mask, x) * ops.ones_like(x)
        return [
            group.likelihood.log_prob(
                decoded[..., group.decoded],
                x[..., group.columns],
                None if mask is None else mask[..., group.columns],
                training,
                weight,
            )
            for group in self.groups
        ]

    def mean(self, decoded: Tensor) -> Tensor:
        """Return the groups' means side by side."""
        parts = [group.likelihood.mean(decoded[..., group.decoded]) for group in self.groups]
        return ops.concatenate(parts, axis=-1)

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return the groups' draws side by side."""
        parts = [
            group.likelihood.sample(decoded[..., group.decoded], noise) for group in self.groups
        ]
        return ops.concatenate(parts, axis=-1)


def _refusal(likelihood: Likelihood, normalize: str) -> ValueError | None:
    try:
        likelihood.check_units(normalize)
    except ValueError as error:
        return error
    return None


def _checked(columns: Any) -> Sequence[Mapping[str, Any]]:
    described = (
        isinstance(columns, Sequence)
        and len(columns) > 0
        and all(isinstance(c, Mapping) and {"name", "width"} <= set(c) for c in columns)
    )
    if not described:
        raise ValueError(
            "`columns` must be a list of dicts, each with a likelihood's 'name' and the 'width' "
            f"of the group. Received: columns={columns!r}"
        )
    return columns
