"""Bodies of TensorFlow Serving's `:predict` as arrays, and results as the answer's body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_ae.serving.versions import BadRequest, Function, Tensor


def from_predict(body: Any, choose: Any) -> tuple[Function, dict[str, np.ndarray], bool]:
    """Return function, inputs and whether they came row by row, of a `:predict` body.

    The body is as TensorFlow Serving takes it: `{"signature_name": ..., "instances": rows}`, or
    `"inputs"` with whole columns. A row is the bare value where there is one input, else an object.

    Args:
        body: JSON, as bytes or read.
        choose: Signature name or None -> function.

    Raises:
        BadRequest: It is not such a body.
    """
    body = _read(body)
    by_row = "instances" in body
    if by_row == ("inputs" in body):
        raise BadRequest(
            "a request must have either `instances` or `inputs`. "
            f"Received the keys {sorted(map(str, body))!r:.200}"
        )
    function = choose(body.get("signature_name"))
    given = body["instances" if by_row else "inputs"]
    columns = _columns(given, function) if by_row else _named(given, function)
    unknown = sorted(set(columns) ^ set(function.inputs))
    if unknown:
        raise BadRequest(
            f"the inputs of {function.name!r} must be {sorted(function.inputs)}. "
            f"Received: {sorted(map(str, columns))!r:.200}"
        )
    inputs = {name: _array(function.inputs[name], value) for name, value in columns.items()}
    return function, inputs, by_row


def to_predict(outputs: Mapping[str, np.ndarray], by_row: bool) -> dict[str, Any]:
    """Return `{"predictions": rows}`, or `{"outputs": columns}`, as TensorFlow Serving gives it."""
    columns = {name: array.tolist() for name, array in outputs.items()}
    if not by_row:
        return {"outputs": columns if len(columns) > 1 else next(iter(columns.values()))}
    if len(columns) == 1:
        return {"predictions": next(iter(columns.values()))}
    names = list(columns)
    rows = zip(*columns.values(), strict=True)
    return {"predictions": [dict(zip(names, row, strict=True)) for row in rows]}


def _read(body: Any) -> dict[str, Any]:
    if isinstance(body, (bytes, bytearray, str)):
        try:
            body = json.loads(body, parse_constant=_constant)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"a request must be JSON. Received: {error!s:.200}") from error
    if not isinstance(body, dict):
        raise BadRequest(f"a request must be a JSON object. Received: {type(body).__name__}")
    return body


def _constant(word: str) -> Any:
    """Return what NaN stands for, as Python writes it into JSON; infinity stands for nothing."""
    if word == "NaN":
        return None
    raise ValueError(f"{word}, which is not a number of JSON's")


def _columns(rows: Any, function: Function) -> dict[str, Any]:
    if not isinstance(rows, list) or not rows:
        raise BadRequest(f"`instances` must be a list of rows. Received: {rows!r:.80}")
    scalars = [t.name for t in function.inputs.values() if not t.has_rows]
    if scalars:
        raise BadRequest(
            f"{function.name!r} takes no rows: send {scalars} as `inputs`. Received: `instances`"
        )
    if len(function.inputs) == 1 and not isinstance(rows[0], dict):
        return {next(iter(function.inputs)): rows}
    names = sorted(function.inputs)
    for row in rows:
        if not isinstance(row, dict) or sorted(row) != names:
            raise BadRequest(f"each row must have the keys {names}. Received: {row!r:.80}")
    return {name: [row[name] for row in rows] for name in names}


def _named(columns: Any, function: Function) -> dict[str, Any]:
    if isinstance(columns, dict):
        return columns
    if len(function.inputs) == 1:
        return {next(iter(function.inputs)): columns}
    raise BadRequest(
        f"`inputs` must be an object with the keys {sorted(function.inputs)}. "
        f"Received: {type(columns).__name__}"
    )


def _array(tensor: Tensor, value: Any) -> np.ndarray:
    try:
        return numbers(np.dtype(tensor.dtype), value)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadRequest(
            f"`{tensor.name}` must hold numbers, in rows of one shape ({tensor.dtype}). "
            f"Received: {value!r:.80} ({error!s:.120})"
        ) from error


def numbers(dtype: np.dtype[Any], value: Any) -> np.ndarray:
    """Return JSON's numbers as an array; null is NaN, and text and truth are no numbers.

    Raises:
        ValueError: They are not such, not of one shape, or not whole where they must be.
    """
    found = np.array(value)
    if found.dtype.kind == "O" and any(isinstance(entry, (str, bytes)) for entry in found.flat):
        raise ValueError("text")
    if dtype.kind == "f":
        if found.dtype.kind not in "fiuO":
            raise ValueError(f"{found.dtype}")
        with np.errstate(over="ignore"):
            return found.astype("float64").astype(dtype)  # None becomes NaN
    if found.dtype.kind not in "iu" and found.size:
        raise ValueError("not whole numbers")
    if found.size and (found.max() > np.iinfo(dtype).max or found.min() < np.iinfo(dtype).min):
        raise ValueError("whole numbers of more than 32 bits")
    return found.astype(dtype)
