"""Likelihoods p(x | z): how a decoder's output scores and becomes data."""

from __future__ import annotations

from typing import Any

from keras_ae.likelihoods.bernoulli import Bernoulli
from keras_ae.likelihoods.beta import Beta
from keras_ae.likelihoods.calibrated_gaussian import CalibratedGaussian
from keras_ae.likelihoods.categorical import Categorical
from keras_ae.likelihoods.continuous_bernoulli import ContinuousBernoulli
from keras_ae.likelihoods.discretized_logistic import DiscretizedLogistic
from keras_ae.likelihoods.discretized_logistic_mixture import DiscretizedLogisticMixture
from keras_ae.likelihoods.edges import Edges
from keras_ae.likelihoods.gaussian import Gaussian
from keras_ae.likelihoods.laplace import Laplace
from keras_ae.likelihoods.likelihood import Elementwise, Likelihood
from keras_ae.likelihoods.log_cosh import LogCosh
from keras_ae.likelihoods.missing_not_at_random import MissingNotAtRandom
from keras_ae.likelihoods.mixed_tabular import MixedTabular
from keras_ae.likelihoods.multinomial import Multinomial
from keras_ae.likelihoods.named import NAMED
from keras_ae.likelihoods.negative_binomial import NegativeBinomial
from keras_ae.likelihoods.one_hot_categorical import OneHotCategorical
from keras_ae.likelihoods.poisson import Poisson
from keras_ae.likelihoods.student_t import StudentT
from keras_ae.likelihoods.zero_inflated_negative_binomial import ZeroInflatedNegativeBinomial
from keras_ae.parts import resolve

PARTS: dict[str, type[Likelihood]] = {
    **NAMED,
    "edges": Edges,
    "missing_not_at_random": MissingNotAtRandom,
    "mixed_tabular": MixedTabular,
}


def get(identifier: Any) -> Likelihood:
    """Return the likelihood of this name, of this `{"name": ...}`, or the given one.

    Raises:
        ValueError: None is given, or the name or an option is unknown or lacking.
        TypeError: The identifier has another type.
    """
    if identifier is None:
        raise ValueError(
            "a likelihood must be a name, a dict with a 'name', or a Likelihood. Received: None. "
            "The default is 'gaussian'."
        )
    likelihood: Likelihood = resolve("likelihood", identifier, PARTS, Likelihood)
    return likelihood


__all__ = [
    "PARTS",
    "Bernoulli",
    "Beta",
    "CalibratedGaussian",
    "Categorical",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "DiscretizedLogisticMixture",
    "Edges",
    "Elementwise",
    "Gaussian",
    "Laplace",
    "Likelihood",
    "LogCosh",
    "MissingNotAtRandom",
    "MixedTabular",
    "Multinomial",
    "NegativeBinomial",
    "OneHotCategorical",
    "Poisson",
    "StudentT",
    "ZeroInflatedNegativeBinomial",
    "get",
]
