"""Training that can stop at any moment and go on as if it had not."""

from __future__ import annotations

import math
from typing import Any

import keras

from keras_ae.reports import RunFolder


class Checkpoint(keras.callbacks.Callback):
    """Writes the whole model and the history after every epoch, each file at once.

    Args:
        run: Where to write.
        history: Rows of the epochs before, to which this training adds.
    """

    def __init__(self, run: RunFolder, history: list[dict[str, float]]) -> None:
        super().__init__()
        self.run, self.history = run, history

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Write the start, so that a training stopped in its first epoch can go on."""
        if not self.history:
            self._save()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the state after an epoch; the history last, because it says what is finished."""
        self.history.append({"epoch": epoch + 1, **{k: float(v) for k, v in (logs or {}).items()}})
        self._save()
        self.run.write_history(self.history)

    def _save(self) -> None:
        self.run.write(self.run.checkpoint, self.model.save)


class StopWithoutProgress(keras.callbacks.Callback):
    """Stops after `patience` epochs without a better loss and restores the best weights.

    What it knows follows from the history, so it goes on after an interruption as before it.

    Args:
        run: Where the best weights are kept.
        history: Rows of the epochs before, and of this training (`Checkpoint` adds them).
        patience: Number of epochs without progress.
    """

    def __init__(self, run: RunFolder, history: list[dict[str, float]], patience: int) -> None:
        super().__init__()
        self.run, self.history, self.patience = run, history, patience

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the weights when they are the best so far; stop when none were for too long."""
        losses = [row.get("val_loss", row["loss"]) for row in self.history]
        best = min(range(len(losses)), key=lambda i: (math.isnan(losses[i]), losses[i]))
        if best == len(losses) - 1:
            self.run.write(self.run.best, _weights_writer(self.model))
        if len(losses) - 1 - best >= self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put the best weights back."""
        if self.run.best.is_file():
            self.model.load_weights(self.run.best)


def _weights_writer(model: Any) -> Any:
    def save(partial: Any) -> None:
        # Keras insists on the ending, which the temporary name keeps.
        model.save_weights(partial)

    return save
