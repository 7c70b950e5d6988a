"""Corruptions x -> x~: what a denoiser learns to undo."""

from __future__ import annotations

from typing import Any

from keras_ae.corruptions.corruption import Corruption
from keras_ae.corruptions.feature_mask import FeatureMask
from keras_ae.corruptions.gaussian_noise import GaussianNoise
from keras_ae.corruptions.salt_and_pepper import SaltAndPepper
from keras_ae.corruptions.swap_noise import SwapNoise
from keras_ae.parts import resolve

PARTS: dict[str, type[Corruption]] = {
    "feature_mask": FeatureMask,
    "gaussian_noise": GaussianNoise,
    "salt_and_pepper": SaltAndPepper,
    "swap_noise": SwapNoise,
}


def get(identifier: Any) -> Corruption | None:
    """Return the corruption of this name, of this `{"name": ...}`, or the given one."""
    corruption: Corruption | None = resolve("corruption", identifier, PARTS, Corruption)
    return corruption


__all__ = [
    "PARTS",
    "Corruption",
    "FeatureMask",
    "GaussianNoise",
    "SaltAndPepper",
    "SwapNoise",
    "get",
]
