"""Thresholds: from which anomaly score on a row is called an anomaly."""

from keras_ae.estimators.thresholds.named import from_config, get, to_config
from keras_ae.estimators.thresholds.rules import (
    RULES,
    BestF1,
    Contamination,
    ExtremeValue,
    FalsePositiveRate,
    MedianDeviation,
    Quantile,
)
from keras_ae.estimators.thresholds.threshold import Threshold

__all__ = [
    "RULES",
    "BestF1",
    "Contamination",
    "ExtremeValue",
    "FalsePositiveRate",
    "MedianDeviation",
    "Quantile",
    "Threshold",
    "from_config",
    "get",
    "to_config",
]
