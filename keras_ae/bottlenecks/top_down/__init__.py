"""Posteriors of several levels, each given those above."""

from keras_ae.bottlenecks.top_down.ladder import LadderGaussian
from keras_ae.bottlenecks.top_down.levelled import LevelledGaussian
from keras_ae.bottlenecks.top_down.residual import TopDownGaussian

__all__ = ["LadderGaussian", "LevelledGaussian", "TopDownGaussian"]
