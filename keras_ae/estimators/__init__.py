"""Estimators in scikit-learn's manner, and the tables that they take."""

from keras_ae.estimators import thresholds
from keras_ae.estimators.schema import TableSchema

__all__ = ["TableSchema", "thresholds"]
