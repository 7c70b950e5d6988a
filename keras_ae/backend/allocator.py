"""Memory that is used again in the next training step instead of being given back in between.

glibc gives large blocks back to the system when they are freed, and the system hands out zeroed
pages one by one: a step that makes a hundred megabytes of intermediate results pays for 25,000
page faults, and threads that share a process wait for one another there.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Iterator

SWITCH = "KERAS_AE_KEEP_PAGES"

# The parameters' numbers in glibc's malloc.h.
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD, MMAP_MAX = -1, -2, -3, -4
# No block is a mapping of its own, and up to 256 MiB of free memory are kept.
KEPT = {MMAP_MAX: 0, TRIM_THRESHOLD: 2**28, TOP_PAD: 2**28}
# What glibc comes to by itself once a block of 32 MiB was freed.
USUAL = {MMAP_MAX: 2**16, MMAP_THRESHOLD: 2**25, TRIM_THRESHOLD: 2**26, TOP_PAD: 2**17}

_lock = threading.Lock()
_running = 0


@contextlib.contextmanager
def kept_pages() -> Iterator[None]:
    """Let freed memory be used again, and give it back at the end.

    Does nothing where the C library is not glibc, where the environment already sets malloc's
    thresholds, or where the variable KERAS_AE_KEEP_PAGES is 0.
    """
    global _running
    library = _glibc()
    if library is None:
        yield
        return
    with _lock:
        _running += 1
        if _running == 1:
            _set(library, KEPT)
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if not _running:
                _set(library, USUAL)
                library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    given = any(name.startswith("MALLOC_") for name in os.environ)
    if os.name != "posix" or given or os.environ.get(SWITCH) == "0":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None


def _set(library: ctypes.CDLL, values: dict[int, int]) -> None:
    for parameter, value in values.items():
        library.mallopt(parameter, value)
