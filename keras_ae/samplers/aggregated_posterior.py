"""Draws from the posteriors of the data themselves."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.distributions.noise import Draws
from keras_ae.parts import checked_size
from keras_ae.samplers.sampler import Sampler
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.samplers")
class AggregatedPosterior(Sampler):
    """q(z) = 1/N sum_n q(z | x_n): a row of the data drawn evenly, and a draw of its posterior.

    Normal posteriors are drawn from anew. Of others one draw of each row is kept.

    Args:
        rows: Rows that are kept at most.

    Reference:
        Makhzani et al. (2015), https://arxiv.org/abs/1511.05644, equation 1.

    Example:
        >>> AggregatedPosterior(100).rows
        100
    """

    spaces = ("vectors", "sphere", "ball", "categories", "bits")
    needs_posterior = True

    def __init__(self, rows: int = 10_000) -> None:
        super().__init__()
        self.rows = checked_size("rows", rows)

    def fit_codes(self, model: Any, x: Any, codes: np.ndarray, *, labels: Any, seed: int) -> None:
        """Keep codes, or means and deviations."""
        chosen = np.random.default_rng(seed).permutation(len(codes))[: self.rows]
        deviations = np.zeros((0, *codes.shape[1:]))
        if normal(model):
            parameters = model.posterior(x)
            codes = parameters["mean"]
            deviations = np.exp(0.5 * parameters["log_var"])[chosen]
        self.keep(codes=codes[chosen], deviations=deviations)

    def is_tempered(self) -> bool:
        """Return whether posteriors are drawn from anew."""
        deviations = self.kept.get("deviations")
        return deviations is None or bool(deviations.shape[0])

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return draws of the posteriors of rows drawn evenly."""
        kept = self.kept
        row = noise.integers((shape[0],), kept["codes"].shape[0], training)
        drawn = ops.take(ops.convert_to_tensor(kept["codes"]), row, axis=0)
        if kept["deviations"].shape[0] == 0:
            return drawn
        deviation = ops.take(ops.convert_to_tensor(kept["deviations"]), row, axis=0)
        return drawn + deviation * noise.normal(shape, training=training)


def normal(model: Any) -> bool:
    """Return whether a model's posterior is a normal of independent coordinates."""
    return model.bottleneck.space == "vectors" and {"mean", "log_var"} <= set(
        model.bottleneck.reports
    )
