"""Objectives: the named terms whose weighted sum is minimised, in nats per example."""

from keras_ae.objectives.adversarial import Adversarial
from keras_ae.objectives.atoms import (
    DeadAtoms,
    GateReconstruction,
    GateSparsity,
    L0Sparsity,
    NestedReconstruction,
)
from keras_ae.objectives.cluster_distance import ClusterDistance
from keras_ae.objectives.cluster_divergence import ClusterDivergence
from keras_ae.objectives.code_length import CodeLength
from keras_ae.objectives.code_norm import CodeNorm
from keras_ae.objectives.contraction import Contraction
from keras_ae.objectives.cramer_wold import CramerWold
from keras_ae.objectives.decoder_gradient import DecoderGradient
from keras_ae.objectives.decoder_norm import DecoderNorm
from keras_ae.objectives.decomposed_kl import (
    DimensionWiseKL,
    MutualInformation,
    TotalCorrelation,
)
from keras_ae.objectives.example_game import ExampleGame
from keras_ae.objectives.hidden_reconstruction import HiddenReconstruction
from keras_ae.objectives.importance import ImportanceWeighted
from keras_ae.objectives.inferred_prior import InferredPrior
from keras_ae.objectives.introspection import Introspection
from keras_ae.objectives.kl import FreeBits, KLCapacity, KLDivergence
from keras_ae.objectives.learned_similarity import LearnedSimilarity
from keras_ae.objectives.maximum_mean_discrepancy import MaximumMeanDiscrepancy
from keras_ae.objectives.mixture_rate import MixtureRate
from keras_ae.objectives.modal_bound import ModalBound
from keras_ae.objectives.pair_game import PairGame
from keras_ae.objectives.patch_game import PatchGame
from keras_ae.objectives.perceptual import Perceptual
from keras_ae.objectives.permuted_game import PermutedGame
from keras_ae.objectives.quantization import Quantization
from keras_ae.objectives.reconstruction import Reconstruction
from keras_ae.objectives.semi_supervised import SemiSupervised
from keras_ae.objectives.sinkhorn_divergence import SinkhornDivergence
from keras_ae.objectives.sliced_wasserstein import SlicedWasserstein
from keras_ae.objectives.sparsity import KLSparsity, L1Sparsity
from keras_ae.objectives.structural_similarity import StructuralSimilarity
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import ControlledWeight, CyclicalWarmup, LinearWarmup

__all__ = [
    "Adversarial",
    "ClusterDistance",
    "ClusterDivergence",
    "CodeLength",
    "CodeNorm",
    "Contraction",
    "ControlledWeight",
    "CramerWold",
    "CyclicalWarmup",
    "DeadAtoms",
    "DecoderGradient",
    "DecoderNorm",
    "DimensionWiseKL",
    "ExampleGame",
    "FreeBits",
    "GateReconstruction",
    "GateSparsity",
    "HiddenReconstruction",
    "ImportanceWeighted",
    "InferredPrior",
    "Introspection",
    "KLCapacity",
    "KLDivergence",
    "KLSparsity",
    "L0Sparsity",
    "L1Sparsity",
    "LearnedSimilarity",
    "LinearWarmup",
    "MaximumMeanDiscrepancy",
    "MixtureRate",
    "ModalBound",
    "MutualInformation",
    "NestedReconstruction",
    "PairGame",
    "PatchGame",
    "Perceptual",
    "PermutedGame",
    "Quantization",
    "Reconstruction",
    "SemiSupervised",
    "SinkhornDivergence",
    "SlicedWasserstein",
    "StructuralSimilarity",
    "Term",
    "TotalCorrelation",
]
