"""Metrics: what a model learned, in numbers, from arrays."""

from keras_ae.metrics.active_units import active_units
from keras_ae.metrics.aggregated_posterior import AggregatedPosterior, aggregated_posterior
from keras_ae.metrics.decomposition import Decomposition

__all__ = ["AggregatedPosterior", "Decomposition", "active_units", "aggregated_posterior"]
