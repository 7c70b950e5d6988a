"""Bottlenecks h -> code: what is squeezed, and what is reported about it."""

from __future__ import annotations

from keras_ae.bottlenecks.binary import Binary
from keras_ae.bottlenecks.bottleneck import Bottleneck
from keras_ae.bottlenecks.categorical import Categorical
from keras_ae.bottlenecks.clustered import Clustered, CountedClusters
from keras_ae.bottlenecks.concrete_selector import ConcreteSelector
from keras_ae.bottlenecks.deterministic import Deterministic
from keras_ae.bottlenecks.entropy import (
    EntropyBottleneck,
    GaussianConditional,
    Hyperprior,
    LogisticConditional,
    RelaxedRounding,
)
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
from keras_ae.bottlenecks.quantizers import (
    BinarySphericalQuantizer,
    FiniteScalarQuantizer,
    GroupedQuantizer,
    GumbelQuantizer,
    HierarchicalQuantizer,
    HierarchicalResidualQuantizer,
    LatentQuantizer,
    LookupFreeQuantizer,
    MultiScaleQuantizer,
    Quantizer,
    RandomProjectionQuantizer,
    ResidualQuantizer,
    SimVectorQuantizer,
    StochasticQuantizer,
    VectorQuantizer,
)
from keras_ae.bottlenecks.recurrent_gaussian import RecurrentGaussian
from keras_ae.bottlenecks.riemannian_hamiltonian import RiemannianHamiltonian
from keras_ae.bottlenecks.scaled_gaussian import ScaledGaussian
from keras_ae.bottlenecks.soft_clusters import SoftClusters
from keras_ae.bottlenecks.sparse import BatchTopK, DictionaryCode, Gated, JumpReLU, TopK
from keras_ae.bottlenecks.temperature import Cooling
from keras_ae.bottlenecks.top_down import LadderGaussian, LevelledGaussian, TopDownGaussian
from keras_ae.bottlenecks.two_level_gaussian import TwoLevelGaussian

PARTS: dict[str, type[Bottleneck]] = {
    "batch_top_k": BatchTopK,
    "binary": Binary,
    "binary_spherical_quantizer": BinarySphericalQuantizer,
    "categorical": Categorical,
    "concrete_selector": ConcreteSelector,
    "deterministic": Deterministic,
    "entropy_bottleneck": EntropyBottleneck,
    "finite_scalar_quantizer": FiniteScalarQuantizer,
    "flow_posterior": FlowPosterior,
    "gated": Gated,
    "gaussian": Gaussian,
    "grouped_gaussian": GroupedGaussian,
    "grouped_quantizer": GroupedQuantizer,
    "gumbel_quantizer": GumbelQuantizer,
    "hamiltonian": Hamiltonian,
    "hierarchical_quantizer": HierarchicalQuantizer,
    "hierarchical_residual_quantizer": HierarchicalResidualQuantizer,
    "hyperbolic": Hyperbolic,
    "hyperprior": Hyperprior,
    "hyperspherical": Hyperspherical,
    "joint": Joint,
    "jump_relu": JumpReLU,
    "ladder_gaussian": LadderGaussian,
    "latent_quantizer": LatentQuantizer,
    "linear_layers": LinearLayers,
    "lookup_free_quantizer": LookupFreeQuantizer,
    "mixture_of_experts": MixtureOfExperts,
    "multi_scale_quantizer": MultiScaleQuantizer,
    "product_of_experts": ProductOfExperts,
    "random_projection_quantizer": RandomProjectionQuantizer,
    "recurrent_gaussian": RecurrentGaussian,
    "residual_quantizer": ResidualQuantizer,
    "riemannian_hamiltonian": RiemannianHamiltonian,
    "scaled_gaussian": ScaledGaussian,
    "sim_vector_quantizer": SimVectorQuantizer,
    "soft_clusters": SoftClusters,
    "stochastic_quantizer": StochasticQuantizer,
    "top_down_gaussian": TopDownGaussian,
    "top_k": TopK,
    "two_level_gaussian": TwoLevelGaussian,
    "vector_quantizer": VectorQuantizer,
}

__all__ = [
    "PARTS",
    "BatchTopK",
    "Binary",
    "BinarySphericalQuantizer",
    "Bottleneck",
    "Categorical",
    "Clustered",
    "ConcreteSelector",
    "Cooling",
    "CountedClusters",
    "Deterministic",
    "DictionaryCode",
    "EntropyBottleneck",
    "FiniteScalarQuantizer",
    "FlowPosterior",
    "Gated",
    "Gaussian",
    "GaussianConditional",
    "GroupedGaussian",
    "GroupedQuantizer",
    "GumbelQuantizer",
    "Hamiltonian",
    "HierarchicalQuantizer",
    "HierarchicalResidualQuantizer",
    "Hyperbolic",
    "Hyperprior",
    "Hyperspherical",
    "Joint",
    "JumpReLU",
    "LadderGaussian",
    "LatentQuantizer",
    "LevelledGaussian",
    "LinearLayers",
    "LogisticConditional",
    "LookupFreeQuantizer",
    "MixtureOfExperts",
    "MultiScaleQuantizer",
    "Posterior",
    "ProductOfExperts",
    "Quantizer",
    "RandomProjectionQuantizer",
    "RecurrentGaussian",
    "RelaxedRounding",
    "ResidualQuantizer",
    "RiemannianHamiltonian",
    "ScaledGaussian",
    "SimVectorQuantizer",
    "SoftClusters",
    "StochasticQuantizer",
    "TopDownGaussian",
    "TopK",
    "TwoLevelGaussian",
    "VectorQuantizer",
]
