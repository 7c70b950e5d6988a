"""Priors p(z): where new examples are drawn from."""

from __future__ import annotations

from typing import Any

from keras_ae.parts import resolve
from keras_ae.priors.prior import Prior
from keras_ae.priors.standard_normal import StandardNormal

PARTS: dict[str, type[Prior]] = {"standard_normal": StandardNormal}


def get(identifier: Any) -> Prior | None:
    """Return the prior of this name, of this `{"name": ...}`, or the given one."""
    prior: Prior | None = resolve("prior", identifier, PARTS, Prior)
    return prior


__all__ = ["PARTS", "Prior", "StandardNormal", "get"]
