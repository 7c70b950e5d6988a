"""Estimators in scikit-learn's manner, and the tables that they take."""

from keras_ae.estimators import scores, thresholds
from keras_ae.estimators.anomaly_detector import AnomalyDetector
from keras_ae.estimators.archive import load, save
from keras_ae.estimators.catalogue import ESTIMATORS
from keras_ae.estimators.clusterer import Clusterer
from keras_ae.estimators.denoiser import Denoiser
from keras_ae.estimators.embedder import Embedder
from keras_ae.estimators.generator import Generator
from keras_ae.estimators.imputer import Imputer
from keras_ae.estimators.rubin import Pooled, pooled
from keras_ae.estimators.schema import TableSchema

__all__ = [
    "ESTIMATORS",
    "AnomalyDetector",
    "Clusterer",
    "Denoiser",
    "Embedder",
    "Generator",
    "Imputer",
    "Pooled",
    "TableSchema",
    "load",
    "pooled",
    "save",
    "scores",
    "thresholds",
]
