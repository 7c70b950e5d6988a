"""Conditions: what a model is told of each example beside the example itself."""

from __future__ import annotations

from typing import Any

from keras_ae.conditions.condition import Condition
from keras_ae.conditions.label import Label
from keras_ae.conditions.vector import Vector
from keras_ae.parts import resolve

PARTS: dict[str, type[Condition]] = {"label": Label, "vector": Vector}


def get(identifier: Any) -> Condition | None:
    """Return the condition of this `{"name": ...}`, the given one, or a `Vector` of this shape."""
    if hasattr(identifier, "__index__") or isinstance(identifier, (list, tuple)):
        return Vector(identifier)
    condition: Condition | None = resolve("condition", identifier, PARTS, Condition)
    return condition


__all__ = ["PARTS", "Condition", "Label", "Vector", "get"]
