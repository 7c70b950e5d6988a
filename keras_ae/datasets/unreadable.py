"""The error of a file that is there but cannot be read."""

from __future__ import annotations

from pathlib import Path


def unreadable(path: Path, kind: str, error: Exception | str) -> ValueError:
    """Return a one-line error that names the file, what it must be and why it is not.

    Args:
        path: The file.
        kind: What it must be, as in "a whole gzipped idx file".
        error: What went wrong; of a longer message its first line is kept.
    """
    lines = str(error).strip().splitlines()
    reason = lines[0] if lines else type(error).__name__
    return ValueError(
        f"{path.name} must be {kind}. Received: {path}, which cannot be read ({reason})"
    )
