"""What a trained model is judged by: its errors, and what PCA and the raw data reach beside it."""

from keras_ae.reports.baselines import linear_probe, pca_baseline, probe_accuracies, probe_rows
from keras_ae.reports.errors import reconstruction_errors
from keras_ae.reports.run import RunFolder

__all__ = [
    "RunFolder",
    "linear_probe",
    "pca_baseline",
    "probe_accuracies",
    "probe_rows",
    "reconstruction_errors",
]
