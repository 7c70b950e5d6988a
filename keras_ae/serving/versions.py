"""One version of a model, loaded: the functions of a SavedModel with their inputs checked."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_ae.naming import nearest
from keras_ae.repository import card

DEFAULT = "serving_default"
NAMES = {"float32": "FP32", "int32": "INT32"}
"""Types of tensors, and what the Open Inference Protocol calls them."""
MOST_BYTES = 64 * 2**20
"""Size of an answer's tensors, at most."""
PART_ROWS = 512
"""Rows that are computed at once: what lies between a network's layers is held for so many."""
QUICK = 0.005
"""Seconds for which all other requests may wait."""


class BadRequest(ValueError):
    """A request that cannot be answered, by its sender's fault."""


@dataclass(frozen=True)
class Tensor:
    """An input or an output of a function.

    Args:
        name: Its name.
        shape: Its shape, -1 where any number may stand.
        dtype: Its type.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def has_rows(self) -> bool:
        """Whether its first axis is the batch."""
        return self.shape[:1] == (-1,)


@dataclass(frozen=True)
class Function:
    """A signature of a SavedModel.

    Args:
        name: Its name.
        inputs: What goes in, by name.
        outputs: What comes out, by name.
        call: The function of tensors.
    """

    name: str
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    call: Any

    @property
    def has_rows(self) -> bool:
        """Whether all inputs and outputs are row by row."""
        return all(t.has_rows for t in (*self.inputs.values(), *self.outputs.values()))


class Version:
    """A loaded version of a model.

    Args:
        name: The model's name.
        number: The version's.
        folder: Where it is.
        most_bytes: Size of an answer's tensors, at most.

    Raises:
        ValueError: It is not whole, has no signature, or one of them does not run.
        OSError: A file cannot be read.
    """

    def __init__(self, name: str, number: int, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self.name, self.number, self.most_bytes = name, number, most_bytes
        self.takes_missing_entries = False
        if (folder / card.FILE).exists():
            self.takes_missing_entries = bool(card.check(folder).get("takes_missing_entries"))
        self._seconds: dict[tuple[str, int], float] = {}
        self._loaded, self.functions = _load(folder)
        for function in self.functions.values():
            self._try(function)

    def function(self, signature: str | None) -> Function:
        """Return a signature's function, the default one's where none is named.

        Raises:
            BadRequest: There is none of this name.
        """
        signature = DEFAULT if signature in (None, "") else signature
        if not isinstance(signature, str) or signature not in self.functions:
            raise BadRequest(
                f"`signature_name` must be one of {sorted(self.functions)}. "
                f"Received: {signature!r:.80}. {nearest(str(signature)[:80], self.functions)}"
            )
        return self.functions[signature]

    def run(self, function: Function, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return a function's outputs by name.

        Raises:
            BadRequest: An input is missing or unknown, or has a wrong shape or type, or holds
                numbers that are not finite.
        """
        import tensorflow as tf

        started = time.perf_counter()
        self._check(function, inputs)
        try:
            parts = [
                {
                    name: value.numpy()
                    for name, value in function.call(
                        **{name: tf.constant(a) for name, a in part.items()}
                    ).items()
                }
                for part in _parts(function, inputs)
            ]
        except (tf.errors.InvalidArgumentError, tf.errors.OutOfRangeError) as error:
            raise BadRequest(f"the model refuses these inputs: {_reason(error)}") from error
        outputs = parts[0]
        if len(parts) > 1:
            outputs = {name: np.concatenate([part[name] for part in parts]) for name in outputs}
        for name, array in outputs.items():
            if not np.isfinite(array).all():
                raise BadRequest(
                    f"`{name}` must be finite. Received: inputs for which it is infinite or NaN"
                )
        self._seconds[_kind(function, inputs)] = time.perf_counter() - started
        return outputs

    def is_quick(self, function: Function, inputs: Mapping[str, np.ndarray]) -> bool:
        """Return whether as many rows took less than `QUICK` seconds the last time."""
        if not function.has_rows:  # what it costs is in the numbers, not in how many there are
            return False
        return self._seconds.get(_kind(function, inputs), QUICK) < QUICK

    def _check(self, function: Function, inputs: Mapping[str, np.ndarray]) -> None:
        if set(inputs) != set(function.inputs):
            raise BadRequest(
                f"the inputs of {function.name!r} must be {sorted(function.inputs)}. "
                f"Received: {sorted(map(str, inputs))!r:.200}"
            )
        rows = {len(a) for name, a in inputs.items() if function.inputs[name].has_rows and a.ndim}
        if len(rows) > 1:
            raise BadRequest(f"inputs must have as many rows each. Received: {sorted(rows)}")
        for name, array in inputs.items():
            self._check_array(function.inputs[name], array)
        count = max(rows) if rows else int(np.max(inputs.get("count", 1)))
        size = 4 * max(1, count) * sum(math.prod(t.shape[1:]) for t in function.outputs.values())
        if size > self.most_bytes:
            raise BadRequest(
                f"an answer must have at most {self.most_bytes} bytes. Received: a request for "
                f"{size}. Ask for fewer rows at a time."
            )

    def _check_array(self, wanted: Tensor, array: np.ndarray) -> None:
        fits = len(array.shape) == len(wanted.shape) and all(
            at in (-1, size) for at, size in zip(wanted.shape, array.shape, strict=True)
        )
        if not fits:
            shape = ", ".join("rows" if size == -1 else str(size) for size in wanted.shape)
            raise BadRequest(
                f"`{wanted.name}` must have the shape ({shape}). Received: {array.shape}"
            )
        if array.dtype != wanted.dtype:
            raise BadRequest(
                f"`{wanted.name}` must be {NAMES.get(wanted.dtype, wanted.dtype)}. "
                f"Received: {array.dtype}"
            )
        if array.dtype.kind == "f":
            holes = wanted.name == "x" and self.takes_missing_entries and np.isnan(array)
            if not np.all(np.isfinite(array) | holes):
                raise BadRequest(f"`{wanted.name}` must be finite. Received: NaN or infinity")

    def _try(self, function: Function) -> None:
        """Run a function once, which finds what is missing and makes the first request quick."""
        row = {
            # Numbers of codes begin with 0, counts of examples with 1.
            name: np.full([abs(size) for size in t.shape], 0 if t.has_rows else 1, t.dtype)
            for name, t in function.inputs.items()
        }
        self.run(function, row)


def _parts(function: Function, inputs: Mapping[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Return the inputs in parts of some rows, which are computed alone in any case."""
    rows = max((len(array) for array in inputs.values() if array.ndim), default=0)
    if not function.has_rows or rows <= PART_ROWS:
        return [dict(inputs)]
    starts = range(0, rows, PART_ROWS)
    return [{name: a[start : start + PART_ROWS] for name, a in inputs.items()} for start in starts]


def _kind(function: Function, inputs: Mapping[str, np.ndarray]) -> tuple[str, int]:
    """Return a function's name and the size of its inputs, as a power of two."""
    return function.name, sum(array.size for array in inputs.values()).bit_length()


def _reason(error: Any) -> str:
    """Return the sentence in an error of a graph, which begins with where it arose."""
    lines = [line.strip() for line in str(error.message).splitlines()]
    where = ("Graph execution error", "Detected at", "<stack", "File ", "[[")
    said = [line for line in lines if line and not line.startswith(where)]
    return (said or lines or ["no message"])[0]


def _load(folder: Path) -> tuple[Any, dict[str, Function]]:
    import tensorflow as tf

    if not (folder / "saved_model.pb").is_file():
        raise ValueError(f"a version must hold a saved_model.pb. Received: {folder} without one")
    try:
        loaded = tf.saved_model.load(str(folder))
    except Exception as error:  # TensorFlow raises whatever the damage causes.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"a version must be a whole SavedModel. Received: {folder} ({reason})"
        ) from error
    functions = {
        name: Function(
            name,
            {key: _tensor(key, s) for key, s in call.structured_input_signature[1].items()},
            {key: _tensor(key, s) for key, s in call.structured_outputs.items()},
            call,
        )
        for name, call in loaded.signatures.items()
        if not name.startswith("__")
    }
    if not functions:
        raise ValueError(f"a SavedModel must have signatures. Received: {folder} without any")
    return loaded, functions


def _tensor(name: str, spec: Any) -> Tensor:
    shape = tuple(-1 if size is None else int(size) for size in spec.shape)
    return Tensor(name, shape, spec.dtype.name)
