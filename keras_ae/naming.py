"""Names: how a class is called in a file, and which name was probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


def snake_case(class_name: str) -> str:
    """Return a class name as a file would be called: `GaussianNoise` -> `gaussian_noise`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", class_name).lower()


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint for an unknown name: the nearest known ones, else all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(str(name).lower(), names, n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(map(repr, close))}?" if close else f"Known: {names}."
