"""Objectives: the named terms whose weighted sum is minimised, in nats per example."""

from keras_ae.objectives.adversarial import Adversarial
from keras_ae.objectives.commitment import Commitment
from keras_ae.objectives.contraction import Contraction
from keras_ae.objectives.kl import FreeBits, KLCapacity, KLDivergence
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
    "FreeBits",
    "KLCapacity",
    "KLDivergence",
    "KLSparsity",
    "L1Sparsity",
    "LinearWarmup",
    "Perceptual",
    "Reconstruction",
    "StructuralSimilarity",
    "Term",
]
