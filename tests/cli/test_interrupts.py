"""Ctrl-C arrives."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Any

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.cli.interrupts import Interrupts


class Swallows(keras.callbacks.Callback):
    """A signal that comes where exceptions are ignored."""

    epochs = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epochs += 1
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_swallowed_interrupt_ends_the_training_after_the_epoch() -> None:
    model = keras_ae.create("autoencoder", input_shape=(4,), latent_dim=2, hidden=[])
    model.compile("adam")
    swallows = Swallows()
    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt):
        model.fit(np.zeros((4, 4)), epochs=3, verbose=0, callbacks=[swallows, interrupts])
    assert swallows.epochs == 1


def test_the_signal_does_what_it_did_before() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        assert signal.getsignal(signal.SIGINT) is not before
        assert not interrupts.asked
    assert signal.getsignal(signal.SIGINT) is before
