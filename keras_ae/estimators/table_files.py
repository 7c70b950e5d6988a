"""Tables in files: CSV, Parquet and NPZ, whole or in parts, with their columns' kinds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from keras_ae.estimators.schema import TableSchema
from keras_ae.files import replacing

PART_ROWS = 100_000
"""Rows that are in memory at once, of a file that is read in parts."""
MOST_ROWS = 1_000_000
"""Rows that are trained on; of a longer file a sample."""
WRITTEN = (".csv", ".parquet", ".npy")
TEXTS = {".csv": ",", ".data": ",", ".txt": ",", ".tsv": "\t"}
DATE = r"\d{4}-\d{2}-\d{2}([ T].*)?"


def read(
    path: str | Path,
    *,
    header: bool = True,
    na: Sequence[str] = (),
    most: int = MOST_ROWS,
    seed: int = 0,
) -> pd.DataFrame:
    """Return a table from a file; of a longer one a sample of `most` rows, in their order.

    Columns of texts that are all dates, as in ISO 8601, become dates.

    Args:
        path: A CSV (.csv, .tsv, .txt, .data, perhaps .gz), Parquet or NPZ file, whose `x` is a
            table of numbers.
        header: Whether the first line of a CSV has names; columns are x0, x1, ... without.
        na: Texts that stand for missing entries, beside the usual ones.
        most: Rows.
        seed: Of the sample.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is none of these, or holds no table.
    """
    rng, kept, keys = np.random.default_rng(seed), pd.DataFrame(), np.empty(0)
    for part in parts(path, header=header, na=na):
        kept = pd.concat([kept, part], ignore_index=True) if len(kept) else part
        keys = np.concatenate([keys, rng.random(len(part))])
        if len(kept) > most:
            chosen = np.sort(np.argpartition(keys, most)[:most])
            kept, keys = kept.iloc[chosen].reset_index(drop=True), keys[chosen]
    if not len(kept):
        raise ValueError(f"a file must hold one row or more. Received: {path} without any")
    return _with_dates(kept)


def parts(
    path: str | Path,
    schema: TableSchema | None = None,
    *,
    header: bool = True,
    na: Sequence[str] = (),
    rows: int = PART_ROWS,
) -> Iterator[pd.DataFrame]:
    """Yield a file's table in parts of so many rows.

    Args:
        path: As for `read`.
        schema: Of a trained estimator, whose columns' kinds and order the parts get; other columns
            are left out.
        header: As for `read`.
        na: As for `read`.
        rows: In memory at once.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is none of these, or lacks a column of the schema.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"a table must be a file. Received: {path}, not there")
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    suffix = suffixes[-1] if suffixes else ""
    try:
        if suffix == ".parquet":
            found = _parts_of_parquet(path, rows)
        elif suffix in (".npz", ".npy"):
            found = _parts_of_array(path, rows)
        elif suffix in TEXTS:
            found = _parts_of_text(path, TEXTS[suffix], schema, header, na, rows)
        else:
            raise ValueError(
                f"a table must be a file of {', '.join(TEXTS)}, .parquet, .npz or .npy. "
                f"Received: {path}"
            )
        for part in found:
            yield part if schema is None else _as_in_training(part, schema, path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"a file must hold a table. Received: {path} ({reason})") from error


@contextlib.contextmanager
def writing(to: str | Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Give a function that adds rows to a CSV, Parquet or NPY file, which appears when whole.

    Raises:
        OSError: It cannot be written.
        ValueError: The name ends on something else.
    """
    to = Path(to)
    if to.suffix not in WRITTEN:
        raise ValueError(f"a file to write must end in {', '.join(WRITTEN)}. Received: {to}")
    with replacing(to) as partial, contextlib.ExitStack() as stack:
        written: list[Any] = []

        def add(rows: pd.DataFrame) -> None:
            if to.suffix == ".csv":
                rows.to_csv(partial, mode="a", header=not written, index=False)
                written.append(None)
            elif to.suffix == ".npy":
                written.append(rows.to_numpy("float64"))
            else:
                import pyarrow as pa
                import pyarrow.parquet as pq

                schema = written[0].schema if written else None
                table = pa.Table.from_pandas(rows, schema=schema, preserve_index=False)
                if not written:
                    written.append(stack.enter_context(pq.ParquetWriter(partial, table.schema)))
                written[0].write_table(table)

        yield add
        if to.suffix == ".npy":
            with partial.open("wb") as file:
                np.save(file, np.concatenate(written), allow_pickle=False)


def _parts_of_text(
    path: Path,
    separator: str,
    schema: TableSchema | None,
    header: bool,
    na: Sequence[str],
    rows: int,
) -> Iterator[pd.DataFrame]:
    # A category that looks like a number is one still.
    categories = [c.name for c in schema.columns if c.kind == "category"] if schema else []
    texts = {c for c in categories if all(isinstance(v, str) for v in _values(schema, c))}
    with pd.read_csv(
        path,
        sep=separator,
        header=0 if header else None,
        na_values=list(na),
        skipinitialspace=True,
        chunksize=rows,
        dtype=dict.fromkeys(texts, "object") if header else None,
        low_memory=False,
    ) as reader:
        for part in reader:
            if not header:
                part.columns = [f"x{i}" for i in range(part.shape[1])]
            yield part


def _values(schema: TableSchema | None, name: str) -> tuple[Any, ...]:
    columns = schema.columns if schema else ()
    return next((getattr(c, "values", ()) for c in columns if c.name == name), ())


def _parts_of_parquet(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError(
            "Parquet files need the package pyarrow. Install it by `pip install "
            "'keras-ae[parquet]'`"
        ) from error
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=rows):
                yield batch.to_pandas()
    except pa.ArrowInvalid as error:
        raise ValueError(f"a file must hold a table. Received: {path} ({error})") from error


def _parts_of_array(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    found = np.load(path, allow_pickle=False)
    if isinstance(found, np.ndarray):
        array = found
    else:
        with found:
            if "x" not in found and "X" not in found:
                raise ValueError(f"an NPZ file must hold `x`. Received: {path} with {found.files}")
            array = found["x" if "x" in found else "X"]
    if array.ndim != 2:
        raise ValueError(f"a table must have two axes. Received: {path} of shape {array.shape}")
    names = [f"x{i}" for i in range(array.shape[1])]
    for start in range(0, len(array), rows):
        yield pd.DataFrame(array[start : start + rows], columns=names)


def _as_in_training(part: pd.DataFrame, schema: TableSchema, path: Path) -> pd.DataFrame:
    """Return the columns of training, in their order; dates as such."""
    if lacking := [name for name in schema.names if name not in part.columns]:
        raise ValueError(
            f"a table must have the columns of training. Received: {path} without {lacking[:5]}"
        )
    part = part[schema.names].copy()
    for column in schema.columns:
        if column.kind == "date" and not pd.api.types.is_datetime64_any_dtype(part[column.name]):
            part[column.name] = pd.to_datetime(part[column.name], format="ISO8601")
    return part


def _with_dates(table: pd.DataFrame) -> pd.DataFrame:
    for name in table.columns:
        entries = table[name]
        if entries.dtype != object or not len(there := entries.dropna()):
            continue
        if there.map(lambda entry: isinstance(entry, str)).all() and (
            there.str.fullmatch(DATE).all()
        ):
            with contextlib.suppress(ValueError):
                table[name] = pd.to_datetime(entries, format="ISO8601")
    return table
