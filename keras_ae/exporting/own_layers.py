"""What of a model an export cannot carry, and what it must be told where to find."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

FOREIGN = {
    "TorchModuleWrapper": "a torch module, which only torch can run",
    "JaxLayer": "a JAX function, which only JAX can run",
    "FlaxLayer": "a Flax module, which only JAX can run",
    "TFSMLayer": "a SavedModel of its own, which `keras.saving` does not load safely",
}
"""Layers of Keras's that hold code of one framework."""

KNOWN = ("keras", "keras_ae")


def check(model: Any) -> None:
    """Refuse layers that no other process can make again.

    Raises:
        ValueError: As said.
    """
    for layer in _layers(model):
        names = [name for name in FOREIGN if isinstance(layer, getattr(keras.layers, name))]
        if names:
            raise ValueError(
                f"an exported model must be of Keras layers. Received: {layer.name!r}, "
                f"{FOREIGN[names[0]]}. Write it as a `keras.layers.Layer` over `keras.ops`."
            )


def own_classes(model: Any) -> list[str]:
    """Return the names of a model's classes and functions that are not Keras's or ours."""
    found = [type(layer) for layer in _layers(model)]
    own = {f"{c.__module__}.{c.__name__}" for c in found if _top(c) not in KNOWN}
    return sorted(own | set(_functions(model.get_config())))


def _functions(config: Any) -> Iterator[str]:
    """Yield the registered names of functions in a config, such as activations."""
    if isinstance(config, dict):
        name = config.get("config")
        if config.get("class_name") == "function" and ">" in str(name):
            yield str(name)
        for value in config.values():
            yield from _functions(value)
    elif isinstance(config, (list, tuple)):
        for value in config:
            yield from _functions(value)


def _layers(model: Any) -> list[Any]:
    return list(model._flatten_layers())


def _top(cls: type) -> str:
    return cls.__module__.partition(".")[0]
