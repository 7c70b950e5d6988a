"""Rules by name, and as data."""

from __future__ import annotations

import dataclasses
from typing import Any

from keras_ae.estimators.thresholds.rules import RULES
from keras_ae.estimators.thresholds.threshold import Threshold
from keras_ae.naming import nearest


def get(identifier: Any) -> Threshold:
    """Return the rule of a name and number, such as "fpr=0.01" or "f1", or the rule itself.

    Raises:
        ValueError: There is none of this name, or what stands behind it is no number.
        TypeError: It is neither a name nor a rule.
    """
    if isinstance(identifier, Threshold):
        return identifier
    if not isinstance(identifier, str):
        raise TypeError(
            f"a threshold must be a rule, or a name such as 'fpr=0.01'. Received: {identifier!r}"
        )
    name, _, number = identifier.partition("=")
    if name not in RULES:
        raise ValueError(
            f"a threshold must be one of {', '.join(RULES)}, with its number behind '='. "
            f"Received: {identifier!r}. {nearest(name, RULES)}"
        )
    fields = dataclasses.fields(RULES[name])  # type: ignore[arg-type]
    if not number:
        return RULES[name]()
    try:
        return RULES[name](**{fields[0].name: float(number)})
    except (ValueError, IndexError) as error:
        if fields and _is_number(number):
            raise
        raise ValueError(
            f"a threshold's number must stand behind its '=', where it has one. "
            f"Received: {identifier!r}"
        ) from error


def to_config(rule: Threshold) -> dict[str, Any]:
    """Return a rule as data that JSON can hold."""
    return {"name": rule.short, **dataclasses.asdict(rule)}  # type: ignore[call-overload]


def from_config(config: dict[str, Any]) -> Threshold:
    """Return the rule of `to_config`."""
    options = dict(config)
    return RULES[options.pop("name")](**options)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
