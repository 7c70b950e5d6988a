"""Bottlenecks h -> code: what is squeezed, and what is reported about it."""

from __future__ import annotations

from keras_ae.bottlenecks.binary import Binary
from keras_ae.bottlenecks.bottleneck import Bottleneck
from keras_ae.bottlenecks.categorical import Categorical
from keras_ae.bottlenecks.concrete_selector import ConcreteSelector
from keras_ae.bottlenecks.deterministic import Deterministic
from keras_ae.bottlenecks.experts import MixtureOfExperts, ProductOfExperts
from keras_ae.bottlenecks.flow_posterior import FlowPosterior
from keras_ae.bottlenecks.gaussian import Gaussian
from keras_ae.bottlenecks.grouped_gaussian import GroupedGaussian
from keras_ae.bottlenecks.hamiltonian import Hamiltonian
from keras_ae.bottlenecks.hyperbolic import Hyperbolic
from keras_ae.bottlenecks.hyperspherical import Hyperspherical
from keras_ae.bottlenecks.joint import Joint
from keras_ae.bottlenecks.linear_layers import LinearLayers
from keras_ae.bottlenecks.posterior import Posterior
from keras_ae.bottlenecks.quantizers.vector import VectorQuantizer
from keras_ae.bottlenecks.recurrent_gaussian import RecurrentGaussian
from keras_ae.bottlenecks.riemannian_hamiltonian import RiemannianHamiltonian
from keras_ae.bottlenecks.soft_clusters import SoftClusters
from keras_ae.bottlenecks.temperature import Cooling
from keras_ae.bottlenecks.two_level_gaussian import TwoLevelGaussian

PARTS: dict[str, type[Bottleneck]] = {
    "binary": Binary,
    "categorical": Categorical,
    "concrete_selector": ConcreteSelector,
    "deterministic": Deterministic,
    "flow_posterior": FlowPosterior,
    "gaussian": Gaussian,
    "grouped_gaussian": GroupedGaussian,
    "hamiltonian": Hamiltonian,
    "hyperbolic": Hyperbolic,
    "hyperspherical": Hyperspherical,
    "joint": Joint,
    "linear_layers": LinearLayers,
    "mixture_of_experts": MixtureOfExperts,
    "product_of_experts": ProductOfExperts,
    "recurrent_gaussian": RecurrentGaussian,
    "riemannian_hamiltonian": RiemannianHamiltonian,
    "soft_clusters": SoftClusters,
    "two_level_gaussian": TwoLevelGaussian,
    "vector_quantizer": VectorQuantizer,
}

__all__ = [
    "PARTS",
    "Binary",
    "Bottleneck",
    "Categorical",
    "ConcreteSelector",
    "Cooling",
    "Deterministic",
    "FlowPosterior",
    "Gaussian",
    "GroupedGaussian",
    "Hamiltonian",
    "Hyperbolic",
    "Hyperspherical",
    "Joint",
    "LinearLayers",
    "MixtureOfExperts",
    "Posterior",
    "ProductOfExperts",
    "RecurrentGaussian",
    "RiemannianHamiltonian",
    "SoftClusters",
    "TwoLevelGaussian",
    "VectorQuantizer",
]
