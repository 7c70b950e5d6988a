"""The estimators by name."""

from __future__ import annotations

from typing import Any

from keras_ae.estimators.anomaly_detector import AnomalyDetector

ESTIMATORS: dict[str, type[Any]] = {kind.__name__: kind for kind in (AnomalyDetector,)}
"""Name of a class -> the class; what an archive may hold."""
