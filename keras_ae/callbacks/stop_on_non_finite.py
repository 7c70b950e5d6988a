"""Training that ends when its loss is no longer a number."""

from __future__ import annotations

import math
import warnings
from typing import Any

import keras
from keras import ops

ADVICE = (
    "Training stopped: the loss became {loss} in epoch {epoch}. The weights of the last finite "
    "epoch are restored. Try a lower learning rate, `compile(optimizer=Adam(clipnorm=1.0))`, "
    "scaled inputs (`normalize='standard'`), or a larger likelihood scale."
)


class StopOnNonFinite(keras.callbacks.Callback):
    """Stops at the first epoch whose loss is NaN or infinite and restores the last good state.

    Weights and optimizer state come back as they were at the end of the last epoch with a finite
    loss, or at the start of training.
    """

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Remember the state at the start."""
        self._remember()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember the state, or stop and restore the last one."""
        loss = float((logs or {}).get("loss", 0.0))
        if math.isfinite(loss):
            self._remember()
            return
        for variable, value in zip(self._variables(), self._good, strict=False):
            variable.assign(value)
        self.model.stop_training = True
        warnings.warn(ADVICE.format(loss=loss, epoch=epoch + 1), stacklevel=2)

    def _remember(self) -> None:
        self._good = [ops.convert_to_numpy(v).copy() for v in self._variables()]

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]
