"""Objectives: the named terms whose weighted sum is minimised, in nats per example."""

from keras_ae.objectives.adversarial import Adversarial
from keras_ae.objectives.commitment import Commitment
from keras_ae.objectives.contraction import Contraction
from keras_ae.objectives.decomposed_kl import (
    DimensionWiseKL,
    MutualInformation,
    TotalCorrelation,
)
from keras_ae.objectives.importance import ImportanceWeighted
from keras_ae.objectives.inferred_prior import InferredPrior
from keras_ae.objectives.kl import FreeBits, KLCapacity, KLDivergence
from keras_ae.objectives.matching import MaximumMeanDiscrepancy
from keras_ae.objectives.mixture_rate import MixtureRate
from keras_ae.objectives.perceptual import Perceptual
from keras_ae.objectives.reconstruction import Reconstruction
from keras_ae.objectives.sparsity import KLSparsity, L1Sparsity
from keras_ae.objectives.structural_similarity import StructuralSimilarity
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import ControlledWeight, CyclicalWarmup, LinearWarmup

__all__ = [
    "Adversarial",
    "Commitment",
    "Contraction",
    "ControlledWeight",
    "CyclicalWarmup",
    "DimensionWiseKL",
    "FreeBits",
    "ImportanceWeighted",
    "InferredPrior",
    "KLCapacity",
    "KLDivergence",
    "KLSparsity",
    "L1Sparsity",
    "LinearWarmup",
    "MaximumMeanDiscrepancy",
    "MixtureRate",
    "MutualInformation",
    "Perceptual",
    "Reconstruction",
    "StructuralSimilarity",
    "Term",
    "TotalCorrelation",
]
