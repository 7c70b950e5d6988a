"""Estimators in scikit-learn's manner, and the tables that they take."""

from keras_ae.estimators.schema import TableSchema
from keras_ae.estimators.thresholds import (
    BestF1,
    Contamination,
    ExtremeValue,
    FalsePositiveRate,
    MedianDeviation,
    Quantile,
    Threshold,
)

__all__ = [
    "BestF1",
    "Contamination",
    "ExtremeValue",
    "FalsePositiveRate",
    "MedianDeviation",
    "Quantile",
    "TableSchema",
    "Threshold",
]
