"""Quantizers: codes from a finite set."""

from keras_ae.bottlenecks.quantizers.composite import GroupedQuantizer, ResidualQuantizer
from keras_ae.bottlenecks.quantizers.finite_scalar import FiniteScalarQuantizer
from keras_ae.bottlenecks.quantizers.hierarchical import HierarchicalQuantizer
from keras_ae.bottlenecks.quantizers.hierarchical_residual import HierarchicalResidualQuantizer
from keras_ae.bottlenecks.quantizers.latent import LatentQuantizer
from keras_ae.bottlenecks.quantizers.lookup_free import (
    BinarySphericalQuantizer,
    LookupFreeQuantizer,
)
from keras_ae.bottlenecks.quantizers.multi_scale import MultiScaleQuantizer
from keras_ae.bottlenecks.quantizers.quantizer import Quantizer
from keras_ae.bottlenecks.quantizers.random_projection import RandomProjectionQuantizer
from keras_ae.bottlenecks.quantizers.relaxed import GumbelQuantizer, StochasticQuantizer
from keras_ae.bottlenecks.quantizers.sim_vector import SimVectorQuantizer
from keras_ae.bottlenecks.quantizers.vector import VectorQuantizer

__all__ = [
    "BinarySphericalQuantizer",
    "FiniteScalarQuantizer",
    "GroupedQuantizer",
    "GumbelQuantizer",
    "HierarchicalQuantizer",
    "HierarchicalResidualQuantizer",
    "LatentQuantizer",
    "LookupFreeQuantizer",
    "MultiScaleQuantizer",
    "Quantizer",
    "RandomProjectionQuantizer",
    "ResidualQuantizer",
    "SimVectorQuantizer",
    "StochasticQuantizer",
    "VectorQuantizer",
]
