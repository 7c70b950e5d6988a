"""The estimators by name."""

from __future__ import annotations

from keras_ae.estimators.anomaly_detector import AnomalyDetector
from keras_ae.estimators.clusterer import Clusterer
from keras_ae.estimators.denoiser import Denoiser
from keras_ae.estimators.embedder import Embedder
from keras_ae.estimators.generator import Generator
from keras_ae.estimators.imputer import Imputer
from keras_ae.estimators.table_estimator import TableEstimator

ESTIMATORS: dict[str, type[TableEstimator]] = {
    kind.__name__: kind
    for kind in (AnomalyDetector, Embedder, Clusterer, Denoiser, Imputer, Generator)
}
"""Name of a class -> the class; what an archive may hold."""
