"""What is known of variants and parts without importing Keras."""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any

from keras_ae.naming import nearest


@functools.cache
def load() -> dict[str, Any]:
    """Return the generated index: `variants` and `parts`."""
    text = resources.files("keras_ae.cli").joinpath("index.json").read_text()
    index: dict[str, Any] = json.loads(text)
    return index


def variants() -> dict[str, Any]:
    """Return family, summary, paper and parameters by variant."""
    found: dict[str, Any] = load()["variants"]
    return found


def variant(name: str) -> dict[str, Any]:
    """Return what is known of one variant.

    Raises:
        ValueError: There is no such variant; the nearest names are suggested.
    """
    if name not in variants():
        raise ValueError(
            f"a variant must be one of the registered ones. Received: {name!r}. "
            f"{nearest(name, variants())}"
        )
    found: dict[str, Any] = variants()[name]
    return found


def nested(slot: str) -> dict[str, dict[str, Any]]:
    """Return the options of all parts of a folder by name, with the parts that take each."""
    options: dict[str, dict[str, Any]] = {}
    for part, parameters in load()["parts"].get(slot, {}).items():
        for parameter in parameters:
            entry = options.setdefault(parameter["name"], {**parameter, "parts": []})
            entry["parts"].append(part)
    return options
