"""Estimators in scikit-learn's manner, and the tables that they take."""

from keras_ae.estimators import scores, thresholds
from keras_ae.estimators.anomaly_detector import AnomalyDetector
from keras_ae.estimators.archive import load, save
from keras_ae.estimators.catalogue import ESTIMATORS
from keras_ae.estimators.schema import TableSchema

__all__ = ["ESTIMATORS", "AnomalyDetector", "TableSchema", "load", "save", "scores", "thresholds"]
