"""The likelihood of rows and of which of their entries are missing."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import keras
import numpy as np
from keras import ops

from keras_ae.distributions.event import expand_mask, sum_event
from keras_ae.distributions.noise import Draws, FromOneState, Noise
from keras_ae.likelihoods.calibrated_gaussian import CalibratedGaussian
from keras_ae.likelihoods.continuous_bernoulli import ContinuousBernoulli
from keras_ae.likelihoods.gaussian import Gaussian
from keras_ae.likelihoods.laplace import Laplace
from keras_ae.likelihoods.likelihood import Likelihood
from keras_ae.likelihoods.named import NAMED
from keras_ae.likelihoods.student_t import StudentT
from keras_ae.parts import checked_size, resolve
from keras_ae.typing import Shape, Tensor

DIFFERENTIABLE = (CalibratedGaussian, ContinuousBernoulli, Gaussian, Laplace, StudentT)
Process = Literal["self_masking", "self_masking_known", "linear", "nonlinear"]


@keras.saving.register_keras_serializable("keras_ae.likelihoods")
class MissingNotAtRandom(Likelihood):
    """Numbers whose being observed depends on them: log p(x_observed | z) + log p(s | x).

    s_j is 1 where an entry is observed, with the probability sigmoid(f_j(x)):

    * "self_masking": f_j = -w_j (x_j - b_j), so that large or small numbers are missing;
    * "self_masking_known": the same with w_j > 0, so that large ones are;
    * "linear": f = A x + b;
    * "nonlinear": f has one hidden layer.

    In x the missing entries are drawn from p(x | z) wherever codes are drawn, and means elsewhere
    (`log_prob`). x is in normalised units. Where nothing is missing, that is data too.

    Args:
        of: The likelihood of the numbers: a name, a dict or an instance, one with a density whose
            draws have a gradient.
        process: Which f.
        units: Width of the hidden layer of "nonlinear".

    Reference:
        Ipsen, Mattei and Frellsen (2021), https://arxiv.org/abs/2006.12871, equation 5, and
        section 4 for the processes.

    Example:
        >>> MissingNotAtRandom("gaussian", "linear").decoded_shape((3,))
        (3,)
    """

    draws_gaps = True

    def __init__(
        self, of: Any = "gaussian", process: Process = "self_masking", units: int = 128
    ) -> None:
        super().__init__()
        if process not in get_args(Process):
            raise ValueError(
                f"`process` must be one of {get_args(Process)}. Received: process={process!r}"
            )
        self.of = resolve("likelihood", of, NAMED, Likelihood)
        if not isinstance(self.of, DIFFERENTIABLE) or getattr(self.of, "channels", 1) == 3:
            raise ValueError(
                "missing numbers are drawn, so their likelihood must be a density whose draws have "
                f"a gradient, one of {[kind.__name__ for kind in DIFFERENTIABLE]}. "
                f"Received: {type(self.of).__name__}, or a learned Student t."
            )
        self.process, self.units = process, checked_size("units", units)
        self.support, self.noise = self.of.support, Noise()
        self.weights_of: Shape | None = None

    def check_event(self, event_shape: Shape) -> None:
        """Make the weights of f, for examples of this shape."""
        self.of.check_event(event_shape)
        if self.weights_of is not None:
            if self.weights_of != event_shape:
                raise ValueError(
                    "one likelihood cannot be that of examples of two shapes. "
                    f"Received: {self.weights_of} and {event_shape}. Make another."
                )
            return
        self.weights_of = tuple(event_shape)
        size = math.prod(event_shape)
        if self.process.startswith("self_masking"):
            of_entries = {"shape": event_shape, "dtype": "float32", "autocast": False}
            self.slope = self.add_weight(name="slope", initializer="zeros", **of_entries)
            self.threshold = self.add_weight(name="threshold", initializer="zeros", **of_entries)
            return
        widths = [self.units] if self.process == "nonlinear" else []
        self.dense = [keras.layers.Dense(width, "tanh", dtype="float32") for width in widths]
        self.dense.append(keras.layers.Dense(size, dtype="float32"))
        for layer, width in zip(self.dense, [size, *widths], strict=True):
            layer.build((None, width))

    def log_observed(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Return log p(s | x) of complete rows, `(batch,)`, nats.

        Args:
            x: Rows without gaps, `(batch, *event_shape)`, normalised units.
            mask: s, `(batch, *leading event axes)`, or None where all is observed.
        """
        logits = self._logits(x)
        seen = ops.ones_like(x) if mask is None else ops.ones_like(x) * expand_mask(mask, x)
        return sum_event(ops.where(seen > 0, ops.log_sigmoid(logits), ops.log_sigmoid(-logits)))

    def log_prob(
        self,
        decoded: Tensor,
        x: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Return log p(x_observed | z) + log p(s | x), missing entries at their means."""
        return self._joint(decoded, x, mask, training, weight, self.of.mean(decoded))[0]

    def at_a_draw(
        self,
        decoded: Tensor,
        x: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the same with missing entries drawn from p(x | z), and the completed rows."""
        drawn = self.of.sample(decoded, FromOneState(self.noise, training))
        return self._joint(decoded, x, mask, training, weight, drawn)

    def _joint(
        self,
        decoded: Tensor,
        x: Tensor,
        mask: Tensor | None,
        training: bool,
        weight: Tensor | None,
        gaps: Tensor,
    ) -> tuple[Tensor, Tensor]:
        x = ops.cast(x, "float32")
        rows = x if mask is None else ops.where(expand_mask(mask, x) > 0, x, gaps)
        density = self.of.log_prob(decoded, x, mask, training, weight)
        return density + self.log_observed(rows, mask), rows

    def _logits(self, x: Tensor) -> Tensor:
        if self.process.startswith("self_masking"):
            slope = ops.convert_to_tensor(self.slope)
            slope = ops.softplus(slope) if self.process == "self_masking_known" else slope
            return -slope * (x - self.threshold)
        logits = ops.reshape(x, (ops.shape(x)[0], -1))
        for layer in self.dense:
            logits = layer(logits)
        return ops.reshape(logits, ops.shape(x))

    # What is the likelihood's of the numbers.

    def decoded_shape(self, event_shape: Shape) -> Shape:
        """Return the shape of the decoder's output."""
        return self.of.decoded_shape(event_shape)

    def log_unit(self, log_scale: Tensor) -> Tensor:
        """Return what a log-density of the numbers loses in smaller units."""
        return self.of.log_unit(log_scale)

    def check_units(self, normalize: str) -> None:
        """Refuse a scaling that the numbers' likelihood refuses."""
        self.of.check_units(normalize)

    def check_support(self, x: np.ndarray) -> None:
        """Refuse numbers to which their likelihood gives nothing."""
        self.of.check_support(x)

    def mean(self, decoded: Tensor) -> Tensor:
        """Return E[x | z]."""
        return self.of.mean(decoded)

    def sample(self, decoded: Tensor, noise: Draws) -> Tensor:
        """Return a draw of x, all entries of it."""
        return self.of.sample(decoded, noise)
