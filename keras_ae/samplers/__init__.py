"""Samplers: distributions over codes that are fitted to a trained model."""

from __future__ import annotations

from typing import Any

from keras_ae.parts import resolve
from keras_ae.samplers.aggregated_posterior import AggregatedPosterior
from keras_ae.samplers.autoregressive import CausalTransformer, PixelCNN
from keras_ae.samplers.class_mixtures import ClassMixtures
from keras_ae.samplers.flow import Flow
from keras_ae.samplers.gaussian_mixture import GaussianMixture
from keras_ae.samplers.kernel_density import KernelDensity
from keras_ae.samplers.masked_transformer import MaskedTransformer
from keras_ae.samplers.riemannian_hmc import RiemannianHMC
from keras_ae.samplers.sampler import Sampler
from keras_ae.samplers.two_stage import TwoStage

PARTS: dict[str, type[Sampler]] = {
    "aggregated_posterior": AggregatedPosterior,
    "causal_transformer": CausalTransformer,
    "class_mixtures": ClassMixtures,
    "flow": Flow,
    "gaussian_mixture": GaussianMixture,
    "kernel_density": KernelDensity,
    "masked_transformer": MaskedTransformer,
    "pixel_cnn": PixelCNN,
    "riemannian_hmc": RiemannianHMC,
    "two_stage": TwoStage,
}


def get(identifier: Any) -> Sampler:
    """Return the sampler of this name, of this `{"name": ...}`, or the given one."""
    sampler: Sampler = resolve("sampler", identifier, PARTS, Sampler)
    return sampler


__all__ = [
    "PARTS",
    "AggregatedPosterior",
    "CausalTransformer",
    "ClassMixtures",
    "Flow",
    "GaussianMixture",
    "KernelDensity",
    "MaskedTransformer",
    "PixelCNN",
    "RiemannianHMC",
    "Sampler",
    "TwoStage",
    "get",
]
