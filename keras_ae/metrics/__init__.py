"""Metrics: what a model learned, in numbers, from arrays."""

from keras_ae.metrics.active_units import active_units
from keras_ae.metrics.aggregated_posterior import AggregatedPosterior, aggregated_posterior

__all__ = ["AggregatedPosterior", "active_units", "aggregated_posterior"]
