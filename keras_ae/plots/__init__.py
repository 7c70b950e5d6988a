"""Pictures of a training run, as matplotlib figures without global state."""

from keras_ae.plots.codes import code_map
from keras_ae.plots.curves import error_curve, loss_curves
from keras_ae.plots.examples import example_grid

__all__ = ["code_map", "error_curve", "example_grid", "loss_curves"]
