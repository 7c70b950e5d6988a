"""Every likelihood, posterior, prior, flow and sampler leaves in every format.

Models of several parts each, so that all of them are met.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import keras_ae
from keras_ae import conditions, flows, likelihoods, priors, samplers
from keras_ae.bottlenecks import (
    PARTS,
    BatchTopK,
    Binary,
    BinarySphericalQuantizer,
    Categorical,
    ConcreteSelector,
    Deterministic,
    EntropyBottleneck,
    FiniteScalarQuantizer,
    FlowPosterior,
    Gated,
    Gaussian,
    GroupedGaussian,
    GroupedQuantizer,
    GumbelQuantizer,
    Hamiltonian,
    HierarchicalQuantizer,
    HierarchicalResidualQuantizer,
    Hyperbolic,
    Hyperprior,
    Hyperspherical,
    Joint,
    JumpReLU,
    LadderGaussian,
    LatentQuantizer,
    LinearLayers,
    LookupFreeQuantizer,
    MixtureOfExperts,
    MultiScaleQuantizer,
    ProductOfExperts,
    Quantizer,
    RandomProjectionQuantizer,
    RecurrentGaussian,
    ResidualQuantizer,
    RiemannianHamiltonian,
    ScaledGaussian,
    SimVectorQuantizer,
    SoftClusters,
    StochasticQuantizer,
    TopDownGaussian,
    TopK,
    TwoLevelGaussian,
    VectorQuantizer,
)
from keras_ae.objectives import CodeLength, KLDivergence, Quantization, Reconstruction, Term
from tests.contract.leaving import check_formats

ROWS = 40


@dataclass(frozen=True)
class Case:
    """A model of a likelihood, a posterior, a prior and, where one is named, a sampler.

    A flow is that of the prior `flow`, or else follows a normal posterior, with a context.
    """

    likelihood: str
    posterior: Callable[[], Any] = lambda: Gaussian(4)
    prior: str = "standard_normal"
    flow: str | None = None
    sampler: str | None = None
    options: tuple[tuple[str, Any], ...] = ()
    condition: Any = None
    maps: bool = False

    def __str__(self) -> str:
        """Return what tells the case from others in the list of tests."""
        parts = [self.likelihood, type(self.bottleneck()).__name__, self.prior, self.flow]
        told = None if self.condition is None else "conditional"
        return "-".join(filter(None, [*parts, self.sampler, told]))

    def bottleneck(self) -> Any:
        """Return a new posterior."""
        if self.flow is None or self.prior == "flow":
            return self.posterior()
        return FlowPosterior(4, {"name": self.flow, **FLOW_OPTIONS.get(self.flow, {})}, 4)

    @property
    def is_discrete(self) -> bool:
        """Whether codes have numbers."""
        return isinstance(self.bottleneck(), Quantizer)

    def cost(self) -> Term:
        """Return the term of the codes."""
        if self.is_discrete:
            return Quantization()
        return CodeLength() if "nats" in self.bottleneck().reports else KLDivergence()

    def data(self) -> np.ndarray:
        """Return rows that the likelihood can score."""
        rng = np.random.default_rng(0)
        if self.maps:
            return rng.random((ROWS, 8, 8, 1)).astype("float32")
        unit = rng.random((ROWS, 6))
        of_kind = {
            "categorical": lambda: np.floor(3 * unit),
            "one_hot_categorical": lambda: np.eye(6)[rng.integers(0, 6, ROWS)],
            "discretized_logistic": lambda: (8 * unit).round() / 8,
            "discretized_logistic_mixture": lambda: (8 * unit).round() / 8,
            "bernoulli": lambda: unit.round(),
        }
        counts = ("poisson", "negative_binomial", "zero_inflated", "multinomial", "mixed_tabular")
        if self.likelihood.startswith(counts):
            return rng.poisson(3.0, (ROWS, 6)).astype("float32")
        return np.asarray(of_kind.get(self.likelihood, lambda: unit)(), "float32")

    def model(self) -> Any:
        """Return a small model that took a few steps."""
        prior = dict(PRIOR_OPTIONS.get(self.prior, {}))
        if self.prior == "flow":
            prior["flow"] = {"name": self.flow, **FLOW_OPTIONS.get(str(self.flow), {})}
        model = keras_ae.LatentModel(
            (8, 8, 1) if self.maps else (6,),
            encoder="conv" if self.maps else "mlp",
            bottleneck=self.bottleneck(),
            objective=[Reconstruction(), self.cost()],
            prior={"name": self.prior, **prior} if isinstance(self.cost(), KLDivergence) else None,
            likelihood={"name": self.likelihood, **dict(self.options)},
            condition=self.condition,
            hidden=[8],
        )
        model.compile("adam")
        x: Any = self.data()
        if model.condition is not None:
            x = {"x": x, "condition": model.condition.probe(np.random.default_rng(0), ROWS)}
        model.fit(x, epochs=2, batch_size=20, verbose=0)
        if self.sampler is not None:
            sampler = samplers.get({"name": self.sampler, **SAMPLER_OPTIONS.get(self.sampler, {})})
            sampler.fit(model, x, labels=np.arange(ROWS) % 2)
        return model


MIXED = [{"name": "gaussian", "width": 2}, {"name": "poisson", "width": 4}]
SMALL: dict[str, Any] = {"hidden": [8], "depth": 2}
FLOW_OPTIONS: dict[str, dict[str, Any]] = {
    "affine_coupling": SMALL,
    "inverse_autoregressive": SMALL,
    "masked_autoregressive": SMALL,
    "spline_coupling": SMALL,
    "planar": {"depth": 2},
    "radial": {"depth": 2},
}
PRIOR_OPTIONS: dict[str, dict[str, Any]] = {
    "autoregressive_normal": {"correlation": 0.5},
    "bernoulli": {"learned": True},
    "categorical": {"learned": True},
    "gaussian_mixture": {"components": 3},
    "joint": {"categories": [3]},
    "two_level_vamp": {"lower_dim": 2, "components": 4, "hidden": 4},
    "vamp": {"components": 4},
}
SAMPLER_OPTIONS: dict[str, dict[str, Any]] = {
    "flow": {"flow": {"name": "masked_autoregressive", **SMALL}, "epochs": 2},
    "gaussian_mixture": {"components": 3},
    "class_mixtures": {"components": 1},
    "two_stage": {"hidden": [8], "epochs": 2},
    "causal_transformer": {"epochs": 2, "width": 8, "depth": 1, "heads": 2},
    "masked_transformer": {"epochs": 2, "width": 8, "depth": 1, "heads": 2, "rounds": 3},
    "pixel_cnn": {"epochs": 2, "filters": 4, "depth": 2, "kernel_size": 3},
}
CASES = [
    Case("gaussian", sampler="gaussian_mixture"),
    Case("calibrated_gaussian", lambda: Gaussian(4, committed_rate=1.0), "autoregressive_normal"),
    Case("laplace", lambda: Hyperspherical(4), "hyperspherical_uniform"),
    Case(
        "student_t",
        lambda: Hyperspherical(4, "power_spherical"),
        "hyperspherical_uniform",
        options=(("learned", True),),
    ),
    Case("log_cosh", lambda: Hyperbolic(2), "wrapped_normal"),
    Case("categorical", lambda: Categorical(2, 3), "categorical", options=(("categories", 3),)),
    Case("one_hot_categorical", lambda: Binary(3), "bernoulli"),
    Case("discretized_logistic", prior="gaussian_mixture", options=(("levels", 9),)),
    Case("discretized_logistic_mixture", prior="vamp", options=(("levels", 9),)),
    Case("beta", lambda: TwoLevelGaussian(2, 2, hidden=4), "two_level_vamp"),
    Case("poisson", prior="flow", flow="masked_autoregressive"),
    Case("negative_binomial", prior="flow", flow="spline_coupling"),
    Case("zero_inflated_negative_binomial", flow="inverse_autoregressive"),
    Case("multinomial", flow="planar"),
    Case("missing_not_at_random", options=(("process", "nonlinear"),)),
    Case("mixed_tabular", flow="radial", options=(("columns", MIXED),)),
    Case("bernoulli", flow="householder", sampler="aggregated_posterior"),
    Case("continuous_bernoulli", flow="sylvester"),
    Case("gaussian", prior="flow", flow="affine_coupling"),
    Case("gaussian", prior="flow", flow="reverse", sampler="class_mixtures"),
    Case("gaussian", lambda: Joint(2, [3]), "joint"),
    Case("laplace", lambda: Hamiltonian(2)),
    Case("laplace", lambda: GroupedGaussian(3, shared=1)),
    Case("gaussian", lambda: RiemannianHamiltonian(2, (6,), centres=4)),
    Case("gaussian", prior="conditional_normal", condition={"name": "label", "categories": 3}),
    Case("gaussian", prior="class_normals", condition={"name": "label", "categories": 3}),
    Case("gaussian", prior="vamp", condition=(2, 2)),
    Case("gaussian", sampler="gaussian_mixture", condition=(2,)),
    Case("gaussian", sampler="flow"),
    Case("gaussian", sampler="kernel_density"),
    Case("gaussian", sampler="riemannian_hmc"),
    Case("gaussian", sampler="two_stage"),
    Case("gaussian", lambda: VectorQuantizer(8, 2, tokens=3), sampler="causal_transformer"),
    Case("gaussian", lambda: LatentQuantizer([3, 2], tokens=3), sampler="masked_transformer"),
    Case("gaussian", lambda: FiniteScalarQuantizer([3, 3], tokens=3), sampler="pixel_cnn"),
    Case("gaussian", lambda: LookupFreeQuantizer(20, tokens=3)),
    Case("gaussian", lambda: BinarySphericalQuantizer(4, tokens=3)),
    Case("gaussian", lambda: SimVectorQuantizer(8, 2, tokens=3)),
    Case("gaussian", lambda: RandomProjectionQuantizer(8, 2, 4, tokens=3)),
    Case("gaussian", lambda: GumbelQuantizer(8, 2, tokens=3)),
    Case("gaussian", lambda: StochasticQuantizer(8, 2, tokens=3)),
    Case("gaussian", lambda: HierarchicalResidualQuantizer(8, 2, tokens=3)),
    Case("gaussian", lambda: ResidualQuantizer(VectorQuantizer(8, 2), 2, tokens=3)),
    Case("gaussian", lambda: GroupedQuantizer(VectorQuantizer(8, 2), 2, tokens=3)),
    Case("gaussian", lambda: MultiScaleQuantizer(VectorQuantizer(8, 2), [1, 2, 4]), maps=True),
    Case("gaussian", lambda: HierarchicalQuantizer(VectorQuantizer(8, 2), 4), maps=True),
    Case("gaussian", lambda: ScaledGaussian(3), "scaled_normal"),
    Case("gaussian", lambda: EntropyBottleneck(3)),
    Case("gaussian", lambda: Hyperprior(3, 2, [4], distribution="logistic")),
]


def test_every_part_is_here() -> None:
    of_graphs = {"edges"}  # which need the variants' networks
    assert {case.likelihood for case in CASES} | of_graphs == set(likelihoods.PARTS)
    assert {case.prior for case in CASES} == set(priors.PARTS)
    assert {case.sampler for case in CASES} - {None} == set(samplers.PARTS)
    codes = {type(case.bottleneck()) for case in CASES}
    of_variants = {Deterministic, LinearLayers, ConcreteSelector, SoftClusters}
    # Those need the variants' encoders or decoders.
    of_variants |= {ProductOfExperts, MixtureOfExperts, RecurrentGaussian}
    of_variants |= {TopK, BatchTopK, JumpReLU, Gated, LadderGaussian, TopDownGaussian}
    assert codes | of_variants == set(PARTS.values())
    assert {case.flow for case in CASES} - {None} == set(flows.PARTS)
    told = {type(conditions.get(case.condition)) for case in CASES if case.condition is not None}
    assert told == set(conditions.PARTS.values())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # of what projects at random
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_model_of_the_parts_leaves_in_every_format(case: Case, tmp_path: Path) -> None:
    check_formats(case.model(), tmp_path)
