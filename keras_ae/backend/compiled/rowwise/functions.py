"""Which function of a model is meant."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


def bound(model: Any, function: str | Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """Return a model's method of this name, or a function (model, batch) of that model."""
    if isinstance(function, str):
        method: Callable[[Any], Any] = getattr(model, function)
        return method
    return functools.partial(function, model)
