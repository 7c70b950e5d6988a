"""Metrics: what a model learned, in numbers, from arrays."""

from keras_ae.metrics.active_units import active_units
from keras_ae.metrics.aggregated_posterior import AggregatedPosterior, aggregated_posterior
from keras_ae.metrics.frechet_distance import frechet_distance
from keras_ae.metrics.maximum_mean_discrepancy import maximum_mean_discrepancy
from keras_ae.metrics.sparsity import Sparsity, sparsity, top_examples

__all__ = [
    "AggregatedPosterior",
    "Sparsity",
    "active_units",
    "aggregated_posterior",
    "frechet_distance",
    "maximum_mean_discrepancy",
    "sparsity",
    "top_examples",
]
