"""Training that ends when its loss is no longer a number."""

from __future__ import annotations

import math
import warnings
from typing import Any

import keras

from keras_ae.backend.snapshot import Snapshot
from keras_ae.optimizers import skips_steps, steps_taken

ADVICE = (
    "Training stopped: the loss became {loss} in epoch {epoch}. The last weights whose loss was "
    "finite are restored. Try a lower learning rate, `compile(optimizer=Adam(clipnorm=1.0))`, "
    "scaled inputs (`normalize='standard'`), or a larger likelihood scale."
)


class StopOnNonFinite(keras.callbacks.Callback):
    """Stops as soon as the loss is NaN or infinite and restores the last good state.

    Weights and optimizer state come back as they were at the last beginning or end of an epoch
    that a finite loss was measured after: an epoch's own loss says nothing of its last step. An
    epoch of which `SkipSteps` left all steps out is lost too.
    """

    # Keras calls the hook after a batch from a thread of its own then; to wait for every loss would
    # make the device wait too.
    async_safe = True

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Remember the state at the start."""
        self._is_lost = False
        self._is_validated = False
        self._last: Snapshot | None = None
        self._states = [self._state()]
        self._taken = steps_taken(self.model.optimizer)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin with a state of which no loss is known."""
        self._is_begun = False

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the loss, a running mean: once it is not finite it stays so."""
        if math.isfinite(float((logs or {}).get("loss", 0.0))):
            self._is_begun = True
        else:
            self._is_lost = True

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """End the epoch."""
        # Not in the other thread: stopped there, Keras's trainer on JAX loses its state.
        if self._is_lost:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember the state, or stop and restore the last good one."""
        logs = logs or {}
        losses = [float(logs[name]) for name in ("loss", "val_loss") if name in logs]
        lost = [loss for loss in losses if not math.isfinite(loss)]
        taken, self._taken = self._taken, steps_taken(self.model.optimizer)
        if skips_steps(self.model.optimizer) and self._taken == taken:
            lost = [math.nan]
        if not lost:
            # A validation has measured the state; else the next epoch's first steps will.
            self._is_validated |= "val_loss" in logs
            before = [] if "val_loss" in logs else self._states[-1:]
            self._states = [*before, self._state()]
            return
        good = self._states[-1 if self._is_begun else 0]
        good.restore()
        # Early stopping knows better ones only by a held-out loss: that of training was measured
        # before the weights that it keeps.
        self._last = None if self._is_validated else good
        self.model.stop_training = True
        warnings.warn(ADVICE.format(loss=lost[0], epoch=epoch + 1), stacklevel=2)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Restore the state once more, where early stopping has restored one of no known loss."""
        if self._last is not None:
            self._last.restore()

    def _state(self) -> Snapshot:
        return Snapshot([*self.model.variables, *self.model.optimizer.variables])
