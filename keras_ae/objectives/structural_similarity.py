"""The structural similarity of pictures and their reconstructions at several scales."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.distributions.event import expand_mask
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_positive, checked_size
from keras_ae.typing import Batch, Outputs, Tensor

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, from the finest on."""

SIGMA = 1.5
"""Standard deviation of the window, pixels."""

K1, K2 = 0.01, 0.03
"""What keeps the quotients finite, as shares of the data's range."""

FLOOR = 1e-4
"""What of a scale's mean similarity is raised to its power at least: less may be negative."""


@keras.saving.register_keras_serializable("keras_ae.objectives")
class StructuralSimilarity(Term):
    """How unlike pictures are in luminance, contrast and structure: 1 - MS-SSIM(x, E[x | z]).

    It takes the place of `Reconstruction` and is logged as "reconstruction". Pictures are
    `(height, width, channels)`, compared in normalised units, channel by channel; the channels'
    similarities are averaged. The value has no unit, and is 1 for pictures that have nothing in
    common: the weight makes nats of it, and the score of an example has it with its weight. Where
    a mask says that an entry is missing, both pictures hold 0 and agree.

    A scale's similarity is the mean over its windows. It may be negative, as a covariance may, and
    has no fractional power then. What is raised to a power is therefore at least 1e-4; by how much
    the similarity is less is added to the value, times the exponent. Without that a channel whose
    sign is wrong has no gradient and never learns. With one scale it is 1 - SSIM throughout.

    Args:
        weight: The term's multiplier, nats.
        window_size: Side of the Gaussian window (sigma 1.5) in pixels, at least 2. Only windows
            that lie within the picture count.
        scales: Number of scales, each half as wide as the one before and at least a window wide;
            as many of the paper's 5 as the picture has room for when None. With fewer than 5 their
            exponents are scaled to sum to 1.
        data_range: Distance of the least and the largest value of the data, normalised units.

    Reference:
        Wang, Simoncelli and Bovik (2003), https://doi.org/10.1109/ACSSC.2003.1292216, equation 7;
        a scale's similarity is averaged over the windows before it is raised to its power, and
        scales are made by averaging 2 x 2 pixels, an odd last row or column left out. As a loss of
        autoencoders: Snell et al. (2017), https://arxiv.org/abs/1511.06409.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).random((2, 16, 16, 1)).astype("float32")
        >>> [float(value) for value in ms_ssim_error(x, x)]
        [0.0, 0.0]
    """

    scores = True

    def __init__(
        self,
        weight: Weight = 1.0,
        window_size: int = 11,
        scales: int | None = None,
        data_range: float = 1.0,
    ) -> None:
        super().__init__(weight, name="reconstruction")
        self.window_size = checked_size("window_size", window_size)
        if self.window_size < 2:
            raise ValueError(
                "`window_size` must be at least 2: one pixel has no variance. "
                f"Received: window_size={window_size}"
            )
        self.scales = None if scales is None else checked_size("scales", scales)
        if self.scales is not None and self.scales > len(WEIGHTS):
            raise ValueError(f"`scales` must be at most {len(WEIGHTS)}. Received: scales={scales}")
        self.data_range = checked_positive("data_range", data_range)

    def attach(self, model: Any) -> None:
        """Refuse what are no pictures, or too small ones.

        Raises:
            ValueError: Examples are not of height, width and channels, or some scale has no room
                for a window.
        """
        shape, size = model.event_shape, self.window_size
        if len(shape) != 3:
            raise ValueError(
                "a structural similarity needs pictures (height, width, channels). "
                f"Received: input_shape={shape}. Reshape the data; grey pictures have 1 channel."
            )
        scales = self.scales or 1
        if scales_of(min(shape[:2]), size) < scales:
            raise ValueError(
                "a structural similarity needs pictures of at least "
                f"{size * 2 ** (scales - 1)} pixels on each side, for windows of {size} at "
                f"{scales} {'scale' if scales == 1 else 'scales'}. Received: input_shape={shape}. "
                "Pass a smaller `window_size`, or fewer `scales`."
            )

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return 1 - MS-SSIM, `(batch,)`, from 0 for equal pictures to 2 for opposite ones."""
        x = ops.cast(batch.target, "float32")
        mean = ops.cast(model.likelihood.mean(outputs["decoded"]), "float32")
        if batch.mask is not None:
            observed = expand_mask(batch.mask, x) > 0
            x, mean = ops.where(observed, x, 0.0), ops.where(observed, mean, 0.0)
        return ms_ssim_error(x, mean, self.window_size, self.scales, self.data_range)

    def score(self, model: Any, batch: Batch, outputs: Outputs) -> Tensor:
        """Return the value with its weight, which makes nats of it, `(batch,)`."""
        return self.weight_at(model.step) * self.value(model, batch, outputs, False)


def ms_ssim_error(
    x: Tensor,
    y: Tensor,
    window_size: int = 11,
    scales: int | None = None,
    data_range: float = 1.0,
) -> Tensor:
    """Return 1 - MS-SSIM of pictures, `(batch,)`; see `StructuralSimilarity`.

    Args:
        x: Pictures `(batch, height, width, channels)`, float32.
        y: As many.
        window_size: Side of the window, pixels.
        scales: Number of scales; as many as there is room for when None.
        data_range: Distance of the least and the largest value.
    """
    if scales is None:
        scales = scales_of(min(x.shape[1:3]), window_size)
    # (batch, channels, height, width)
    x, y = (ops.transpose(picture, (0, 3, 1, 2)) for picture in (x, y))
    errors = []
    for scale in range(scales):
        if scale:
            x, y = halved(x), halved(y)
        luminance, structure = ssim_errors(x, y, window_size, data_range)
        if scale == scales - 1:  # the luminance is compared at the coarsest scale only
            structure = luminance + structure - luminance * structure
        errors.append(ops.mean(structure, axis=(2, 3)))
    exponents = WEIGHTS if scales == len(WEIGHTS) else normalised(WEIGHTS[:scales]).tolist()
    log_similarity, below = 0.0, 0.0
    for exponent, error in zip(exponents, errors, strict=True):
        log_similarity += exponent * ops.log1p(-ops.minimum(error, 1.0 - FLOOR))
        below += exponent * ops.maximum(error - (1.0 - FLOOR), 0.0)
    return ops.mean(below - ops.expm1(log_similarity), axis=1)


def ssim_errors(x: Tensor, y: Tensor, window_size: int, data_range: float) -> tuple[Tensor, Tensor]:
    """Return 1 - l and 1 - c s of each window: of the luminance, and of contrast and structure.

    Written as differences of the pictures, which are 0 where the pictures are equal: products of
    moments would lose all digits of a small distance. The variances do not depend on what is taken
    off a picture, and are rounded least where that is its mean.

    Args:
        x: Pictures `(batch, channels, height, width)`, float32.
        y: As many.
        window_size: Side of the window, pixels.
        data_range: Distance of the least and the largest value.
    """
    x_shift, y_shift = (
        ops.stop_gradient(ops.mean(picture, axis=(2, 3), keepdims=True)) for picture in (x, y)
    )
    a, b = x - x_shift, y - y_shift
    maps = ops.concatenate([a, b, ops.square(a) + ops.square(b), ops.square(a - b)], axis=1)
    mean_a, mean_b, squares, apart = ops.split(windowed(maps, window_size), 4, axis=1)
    # Of variances only rounding makes negative numbers.
    both = ops.maximum(squares - ops.square(mean_a) - ops.square(mean_b), 0.0)
    between = ops.maximum(apart - ops.square(mean_a - mean_b), 0.0)
    mean_x, mean_y = mean_a + x_shift, mean_b + y_shift
    powers = ops.square(mean_x) + ops.square(mean_y)
    luminance = ops.square(mean_x - mean_y) / (powers + (K1 * data_range) ** 2)
    return luminance, between / (both + (K2 * data_range) ** 2)


def windowed(maps: Tensor, window_size: int) -> Tensor:
    """Return the weighted mean of each window that lies within its map.

    The window is a product of one along each axis, and each of these a banded matrix.

    Args:
        maps: `(batch, channels, height, width)`.
        window_size: Side of the window, pixels.

    Returns:
        `(batch, channels, height - window_size + 1, width - window_size + 1)`.
    """
    for _ in range(2):
        # Of plain matrices: tf2onnx spoils a product of more axes with a matrix of one column.
        _, channels, rows, size = maps.shape
        band = ops.convert_to_tensor(banded(size, window_size))
        flat = ops.matmul(ops.reshape(maps, (-1, size)), band)
        maps = ops.swapaxes(ops.reshape(flat, (-1, channels, rows, band.shape[1])), -1, -2)
    return maps


@functools.cache
def banded(size: int, window_size: int) -> np.ndarray:
    """Return the Gaussian window at each of its places along an axis, `(size, places)`."""
    offset = np.arange(window_size) - (window_size - 1) / 2
    window = normalised(np.exp(-0.5 * (offset / SIGMA) ** 2))
    places = size - window_size + 1
    band = np.zeros((size, places), "float32")
    for place in range(places):
        band[place : place + window_size, place] = window
    return band


def halved(pictures: Tensor) -> Tensor:
    """Return the means of 2 x 2 pixels of `(..., height, width)`, an odd last line left out."""
    height, width = (n - n % 2 for n in pictures.shape[-2:])
    rows = pictures[..., 0:height:2, :] + pictures[..., 1:height:2, :]
    return 0.25 * (rows[..., 0:width:2] + rows[..., 1:width:2])


def scales_of(side: int, window_size: int) -> int:
    """Return how many scales have room for a window, 5 at most, where the finest has this side."""
    return sum(side // 2**scale >= window_size for scale in range(len(WEIGHTS)))


def normalised(numbers: Any) -> np.ndarray:
    """Return numbers divided by their sum."""
    return np.asarray(numbers) / np.sum(numbers)
