"""Parts name themselves, remember how they were made and can be asked for by name."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from typing import Any, Self, final

import keras
import numpy as np

from keras_ae.naming import nearest, snake_case


class RecordsArguments:
    """Remembers the arguments of its constructor, so that a copy can be made from plain data.

    Keras's automatic config of a `Model` subclass saves *default* values; binding the arguments
    where they arrive keeps what the caller said, in the order of the signature.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Bind the arguments to the constructor's signature before any layer state exists."""
        instance = super().__new__(cls, *args, **kwargs)
        signature = inspect.signature(cls.__init__)
        bound = signature.bind(instance, *args, **kwargs)
        bound.apply_defaults()
        arguments: dict[str, Any] = {}
        for name, value in list(bound.arguments.items())[1:]:
            if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                arguments.update(value)
            else:
                arguments[name] = value
        # Keras tracks attributes only after `Layer.__init__`, which has not run yet.
        instance.__dict__["_constructor_arguments"] = arguments
        return instance

    @property
    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments as they were given, defaults filled in."""
        return dict(self.__dict__["_constructor_arguments"])

    def serialized_arguments(self) -> dict[str, Any]:
        """Return the arguments as data that JSON can hold."""
        return {name: serialize(value) for name, value in self.arguments.items()}


class MadeAgain(RecordsArguments):
    """Lets Keras save a part or a model as its constructor's arguments."""

    @final
    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data."""
        return self.serialized_arguments()

    @classmethod
    @final
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Self:
        """Make it again from `get_config()`."""
        return cls(**{name: deserialize(value) for name, value in config.items()})

    @final
    def get_build_config(self) -> dict[str, Any]:
        """Return nothing: it is built by its constructor, or by the model that owns it."""
        return {}

    @final
    def build_from_config(self, config: Mapping[str, Any]) -> None:
        """Do nothing, as `get_build_config`."""


@keras.saving.register_keras_serializable("keras_ae")
class Part(MadeAgain, keras.layers.Layer):
    """A replaceable piece of a model: a Keras layer that remembers its constructor's arguments.

    Args:
        name: Name of the layer; the class name in snake case by default.
    """

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name=name or snake_case(type(self).__name__))


@contextlib.contextmanager
def unlocked(layer: keras.layers.Layer) -> Iterator[None]:
    """Let a built layer be given weights or layers, or lose them."""
    tracker = layer._tracker
    was_locked = tracker.locked
    tracker.unlock()
    try:
        yield
    finally:
        if was_locked:
            tracker.lock()


def serialize(value: Any) -> Any:
    """Return `value` as data that JSON can hold; Keras objects keep their class and config."""
    if isinstance(value, (list, tuple, range)):
        return [serialize(item) for item in value]
    if isinstance(value, Mapping):
        return {key: serialize(item) for key, item in value.items()}
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    # Keras leaves tuples in a config, which a file gives back as lists.
    return serialize(keras.saving.serialize_keras_object(value))


def deserialize(value: Any) -> Any:
    """Return what `serialize` was given."""
    if isinstance(value, (list, tuple)):
        return [deserialize(item) for item in value]
    if isinstance(value, Mapping):
        if "class_name" in value and "config" in value:
            return keras.saving.deserialize_keras_object(dict(value))
        return {key: deserialize(item) for key, item in value.items()}
    return value


def check_options(what: str, function: Any, options: Mapping[str, Any]) -> None:
    """Refuse options that `function` does not take.

    Raises:
        ValueError: An option is unknown; the message names the nearest accepted ones.
    """
    parameters = inspect.signature(function).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return
    accepted = [name for name in parameters if name != "self"]
    for name in options:
        if name not in accepted:
            raise ValueError(
                f"an option of {what} must be one of {accepted}. Received: {name!r}. "
                f"{nearest(name, accepted)}"
            )


def resolve(kind: str, identifier: Any, classes: Mapping[str, type], base: type) -> Any:
    """Return the part that `identifier` names.

    Args:
        kind: What is asked for, for the messages ("likelihood").
        identifier: None, a name, `{"name": ..., **options}`, or an instance of `base`.
        classes: The known parts by name.
        base: The type that an instance must have.

    Raises:
        ValueError: The name or an option is unknown, or an option is lacking.
        TypeError: The identifier has another type.
    """
    if identifier is None or isinstance(identifier, base):
        return identifier
    options = dict(identifier) if isinstance(identifier, Mapping) else {"name": identifier}
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise TypeError(
            f"a {kind} must be a name, a dict with a 'name', or a {base.__name__}. "
            f"Received: {identifier!r}"
        )
    if name not in classes:
        raise ValueError(
            f"a {kind} must be one of {sorted(classes)}. Received: {name!r}. "
            f"{nearest(name, classes)}"
        )
    part: Any = classes[name]
    check_options(f"{kind} {name!r}", part.__init__, options)
    lacking = [option for option in _required(part.__init__) if option not in options]
    if lacking:
        wanted = ", ".join(f"{option!r}: ..." for option in lacking)
        raise ValueError(
            f"{kind} {name!r} must have the options {lacking}. Received: {options}. "
            f"Pass {{'name': {name!r}, {wanted}}}."
        )
    return part(**options)


def _required(function: Any) -> list[str]:
    """Return the names of a method's parameters that have no default."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [p.name for p in parameters if p.kind in named and p.default is inspect.Parameter.empty]


def checked_size(name: str, size: Any) -> int:
    """Return a size as an int.

    Raises:
        ValueError: It is not a whole number of at least 1.
    """
    if isinstance(size, bool) or not hasattr(size, "__index__") or int(size) < 1:
        raise ValueError(
            f"`{name}` must be a whole number of at least 1. Received: {name}={size!r}"
        )
    return int(size)


def checked_sizes(name: str, sizes: Any) -> tuple[int, ...]:
    """Return sizes as a tuple of ints.

    Raises:
        ValueError: They are not a list of whole numbers of at least 1.
    """
    is_list = isinstance(sizes, (Sequence, np.ndarray)) and not isinstance(sizes, str)
    whole = is_list and all(
        hasattr(n, "__index__") and not isinstance(n, bool) and n >= 1 for n in sizes
    )
    if not whole:
        raise ValueError(
            f"`{name}` must be a list of whole numbers of at least 1. Received: {name}={sizes!r}"
        )
    return tuple(map(int, sizes))


def is_number(value: Any) -> bool:
    """Return whether a value is a real number, NumPy's included, and no truth value."""
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def checked_positive(name: str, value: float) -> float:
    """Return a number as a float.

    Raises:
        ValueError: It is not a positive finite number.
    """
    if not is_number(value) or not (value > 0 and math.isfinite(value)):
        raise ValueError(f"`{name}` must be a positive number. Received: {name}={value}")
    return float(value)


def checked_non_negative(name: str, value: float) -> float:
    """Return a number as a float.

    Raises:
        ValueError: It is not a finite number, or negative.
    """
    if not is_number(value) or not 0 <= value < math.inf:
        raise ValueError(
            f"`{name}` must be a finite number that is not negative. Received: {name}={value!r}"
        )
    return float(value)


def checked_share(name: str, value: float, whole: bool = True) -> float:
    """Return a share of something as a float.

    Args:
        name: Of the argument.
        value: From 0 to 1.
        whole: Whether 1 is one.

    Raises:
        ValueError: It is not one.
    """
    if not is_number(value) or not 0.0 <= value <= 1.0 or (value == 1.0 and not whole):
        interval = "[0, 1]" if whole else "[0, 1)"
        raise ValueError(f"`{name}` must be a share in {interval}. Received: {name}={value!r}")
    return float(value)


def checked_claim(name: str, value: Any) -> bool:
    """Return whether something is claimed, as a bool.

    Raises:
        ValueError: It is neither True nor False.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"`{name}` must be True or False. Received: {name}={value!r}")
    return bool(value)


def check_activation(activation: Any) -> None:
    """Refuse an activation that Keras does not know.

    Raises:
        ValueError: As said; the nearest names are suggested.
    """
    try:
        keras.activations.get(activation)
    except ValueError as error:
        known = [name for name in dir(keras.activations) if name.islower() and name[0] != "_"]
        raise ValueError(
            "an activation must be one of Keras's, or a function. "
            f"Received: {activation!r}. {nearest(str(activation), known)}"
        ) from error
