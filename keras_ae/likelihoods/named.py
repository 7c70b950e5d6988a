"""The likelihoods that have a name, but for the one that is made of others."""

from __future__ import annotations

from keras_ae.likelihoods.bernoulli import Bernoulli
from keras_ae.likelihoods.beta import Beta
from keras_ae.likelihoods.calibrated_gaussian import CalibratedGaussian
from keras_ae.likelihoods.categorical import Categorical
from keras_ae.likelihoods.continuous_bernoulli import ContinuousBernoulli
from keras_ae.likelihoods.discretized_logistic import DiscretizedLogistic
from keras_ae.likelihoods.discretized_logistic_mixture import DiscretizedLogisticMixture
from keras_ae.likelihoods.gaussian import Gaussian
from keras_ae.likelihoods.laplace import Laplace
from keras_ae.likelihoods.likelihood import Likelihood
from keras_ae.likelihoods.log_cosh import LogCosh
from keras_ae.likelihoods.multinomial import Multinomial
from keras_ae.likelihoods.negative_binomial import NegativeBinomial
from keras_ae.likelihoods.one_hot_categorical import OneHotCategorical
from keras_ae.likelihoods.poisson import Poisson
from keras_ae.likelihoods.student_t import StudentT
from keras_ae.likelihoods.zero_inflated_negative_binomial import ZeroInflatedNegativeBinomial

NAMED: dict[str, type[Likelihood]] = {
    "bernoulli": Bernoulli,
    "beta": Beta,
    "calibrated_gaussian": CalibratedGaussian,
    "categorical": Categorical,
    "continuous_bernoulli": ContinuousBernoulli,
    "discretized_logistic": DiscretizedLogistic,
    "discretized_logistic_mixture": DiscretizedLogisticMixture,
    "gaussian": Gaussian,
    "laplace": Laplace,
    "log_cosh": LogCosh,
    "multinomial": Multinomial,
    "negative_binomial": NegativeBinomial,
    "one_hot_categorical": OneHotCategorical,
    "poisson": Poisson,
    "student_t": StudentT,
    "zero_inflated_negative_binomial": ZeroInflatedNegativeBinomial,
}
