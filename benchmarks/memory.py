"""What a process holds in memory, as Linux tells it."""

from __future__ import annotations

import pathlib


def resident_bytes() -> int:
    """Return the memory that the process holds; its peak is begun anew."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def peak_bytes() -> int:
    """Return the largest memory that the process has held since `resident_bytes`."""
    # Not `resource.getrusage`, whose maximum a process inherits of the one that started it.
    return _status("VmHWM")


def _status(key: str) -> int:
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status must have an entry {key}. Received: none")
