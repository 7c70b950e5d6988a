"""Anomaly scores: what is read off a trained model to say how strange a row is."""

from keras_ae.estimators.scores.combined import Combined
from keras_ae.estimators.scores.likelihood import Bound, Likelihood
from keras_ae.estimators.scores.mahalanobis import Mahalanobis
from keras_ae.estimators.scores.named import SCORES, get
from keras_ae.estimators.scores.neighbours import Neighbours
from keras_ae.estimators.scores.reconstruction import Reconstruction
from keras_ae.estimators.scores.score import Score
from keras_ae.estimators.scores.scored_model import ScoredModel

__all__ = [
    "SCORES",
    "Bound",
    "Combined",
    "Likelihood",
    "Mahalanobis",
    "Neighbours",
    "Reconstruction",
    "Score",
    "ScoredModel",
    "get",
]
