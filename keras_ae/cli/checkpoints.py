"""Training that can stop at any moment and go on as if it had not."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keras_ae.reports import RunFolder

Rows = list[dict[str, float]]


class Checkpoint(keras.callbacks.Callback):
    """Writes history, best weights and the whole model after every epoch, and knows when to stop.

    The model is written last: it says how many epochs are finished. What it knows follows from
    the history, so after an interruption training goes on as it would have.

    Args:
        run: Where to write.
        history: Rows of the epochs before, to which this training adds.
        patience: Stop after this many epochs without a better loss and restore the best weights.
    """

    def __init__(self, run: RunFolder, history: Rows, patience: int | None = None) -> None:
        super().__init__()
        self.run, self.history, self.patience = run, history, patience

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the state after an epoch."""
        self.history.append({"epoch": epoch + 1, **{k: float(v) for k, v in (logs or {}).items()}})
        self.run.write_history(self.history)
        if self.patience is not None and epochs_since_best(self.history) == 0:
            self.run.write(self.run.best, self.model.save_weights)
        self.run.write(self.run.checkpoint, self.model.save)
        if is_exhausted(self.history, self.patience):
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put the best weights back."""
        if self.patience is None or not self.history:
            return
        try:
            self.model.load_weights(self.run.best)
        except Exception as error:  # h5py and Keras raise whatever the damage causes
            raise ValueError(
                f"{self.run.best.name} must hold the best weights. Received: {self.run.best}, "
                "which is damaged or missing. Train again."
            ) from error


def epochs_since_best(history: Rows) -> int:
    """Return how many epochs ago the loss was the lowest: held out, or in training without."""
    losses = [row.get("val_loss", row["loss"]) for row in history]
    best = min(range(len(losses)), key=lambda i: (math.isnan(losses[i]), losses[i]))
    return len(losses) - 1 - best


def is_exhausted(history: Rows, patience: int | None) -> bool:
    """Return whether there were `patience` epochs without a better loss."""
    return patience is not None and bool(history) and epochs_since_best(history) >= patience


def finished_epochs(model: Any, history: Rows, steps_per_epoch: int) -> Rows:
    """Return the rows of the epochs that a checkpoint has behind it; a crash can leave one more.

    Raises:
        ValueError: The history lacks some of them.
    """
    epochs = int(ops.convert_to_numpy(model.step)) // steps_per_epoch
    if len(history) < epochs:
        raise ValueError(
            f"a history must have the {epochs} epochs that the checkpoint has behind it. "
            f"Received: {len(history)} epochs in history.csv. Train again."
        )
    return history[:epochs]
