"""Callbacks and trackers: what changes the order of training, or watches it."""

from keras_ae.callbacks.atom_usage import AtomUsage
from keras_ae.callbacks.code_usage import CodeUsage
from keras_ae.callbacks.compensated_mean import CompensatedMean
from keras_ae.callbacks.stop_on_non_finite import StopOnNonFinite

__all__ = ["AtomUsage", "CodeUsage", "CompensatedMean", "StopOnNonFinite"]
