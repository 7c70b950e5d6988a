"""Ctrl-C that arrives, also where the code that runs at that moment swallows it."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

import keras


class Interrupts(keras.callbacks.Callback):
    """Raises `KeyboardInterrupt` at a Ctrl-C, and once more after the epoch if training goes on.

    Python raises it in whatever runs in the main thread: in a destructor or in a callback of a
    framework's own it is printed and lost. To be used as a context and as a callback.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> Self:
        """Watch for the signal; only the main thread can."""
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the signal do what it did before."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Raise what was swallowed.

        Raises:
            KeyboardInterrupt: As said.
        """
        if self.asked:
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        raise KeyboardInterrupt
