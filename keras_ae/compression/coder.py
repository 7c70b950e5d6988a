"""Whole numbers as bytes, and back, by tables of their frequencies."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from keras_ae.compression.tables import TOTAL, Tables

MOST_BITS = 22
"""Of a number beyond its table, counted from the table's end."""


def encode(symbols: np.ndarray, which: np.ndarray, tables: Tables) -> bytes:
    """Return the bytes of numbers, close to -sum log2 of their frequencies / 8 of them.

    Numbers are written table by table. One beyond its table is written as such, and then how far
    beyond.

    Args:
        symbols: Whole numbers `(n,)`.
        which: The table of each, `(n,)`.
        tables: The tables.

    Raises:
        ValueError: A number lies farther beyond its table than can be written.
    """
    stream = _constriction()
    coder = stream.queue.RangeEncoder()
    for table, places in _groups(which, tables):
        columns = symbols[places].astype("int64") - int(tables.first[table]) + 1
        size = int(tables.sizes[table])
        outside = (columns < 1) | (columns > size)
        found = np.where(outside, 0, columns).astype("int32")
        coder.encode(found, _model(stream, tables, table))
        for column in map(int, columns[outside]):  # which do not overflow
            # Odd numbers lie above the table, even ones below; the first of each is 1 beyond.
            distance = 2 * (column - size) - 1 if column > size else 2 * (1 - column)
            bits = distance.bit_length()
            if bits > MOST_BITS:
                raise ValueError(
                    f"numbers must lie within 2^{MOST_BITS - 1} of their tables. Received: a code "
                    f"of {column + int(tables.first[table]) - 1}. Is the input in the model's units"
                )
            coder.encode(bits, stream.model.Uniform(MOST_BITS + 1))
            coder.encode(distance, stream.model.Uniform(2**bits))
    return bytes(coder.get_compressed().astype("<u4").tobytes())


def decode(data: bytes, which: np.ndarray, tables: Tables) -> np.ndarray:
    """Return the numbers of bytes, `(n,)` int32.

    Args:
        data: What `encode` returned.
        which: The table of each number, `(n,)`.
        tables: The tables.

    Raises:
        ValueError: The bytes are none that `encode` returned.
    """
    if len(data) % 4:
        raise ValueError(f"an entropy coder's bytes must be a multiple of 4. Received: {len(data)}")
    try:
        return _decoded(data, which, tables)
    except AssertionError as error:  # the entropy coder's own
        raise ValueError(f"an entropy coder's bytes must be its own. Received: {error}") from error


def _decoded(data: bytes, which: np.ndarray, tables: Tables) -> np.ndarray:
    stream = _constriction()
    coder = stream.queue.RangeDecoder(np.frombuffer(data, "<u4").astype("uint32"))
    symbols = np.zeros(len(which), "int32")
    for table, places in _groups(which, tables):
        size = int(tables.sizes[table])
        columns = coder.decode(_model(stream, tables, table), len(places)).astype("int64")
        for i in np.flatnonzero(columns == 0):
            bits = int(coder.decode(stream.model.Uniform(MOST_BITS + 1)))
            if bits == 0:  # how far beyond is 1 at least
                raise ValueError("an entropy coder's bytes must be whole. Received: altered ones")
            distance = int(coder.decode(stream.model.Uniform(2**bits)))
            columns[i] = size + (distance + 1) // 2 if distance % 2 else 1 - distance // 2
        symbols[places] = columns + int(tables.first[table]) - 1
    return symbols


def _groups(which: np.ndarray, tables: Tables) -> list[tuple[int, np.ndarray]]:
    """Return the tables that are used, and where."""
    order = np.argsort(which, kind="stable")
    ends = np.searchsorted(which[order], np.arange(len(tables.sizes) + 1))
    parts = enumerate(itertools.pairwise(ends))
    return [(table, order[low:high]) for table, (low, high) in parts if high > low]


def _model(stream: Any, tables: Tables, table: int) -> Any:
    used = tables.frequencies[table, : 1 + int(tables.sizes[table])]
    return stream.model.Categorical(used.astype("float64") / TOTAL, perfect=False)


def _constriction() -> Any:
    try:
        import constriction
    except ImportError as error:
        raise ImportError(
            "compressing to bytes needs the package constriction: pip install 'keras-ae[compress]'"
        ) from error
    return constriction.stream
