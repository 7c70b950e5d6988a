"""Estimators of tables as SavedModels that take the table's own columns.

Scaling, the look-up of categories, the model, its score and the threshold are inside. A number, a
truth or a date is float64, NaN where it is missing; a date is seconds since 1970-01-01 UTC; a
category is a string, empty where it is missing. A table that was an array is one tensor `x`.
"""

from __future__ import annotations

import json
import keyword
import re
import shutil
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_ae.estimators.columns import Boolean, Category, Date
from keras_ae.exporting import parity

BACKEND = "tensorflow"
ESTIMATOR = "fitted.estimator"
PROBE = "probe.npz"
UNSEEN = "a category that no table has"
DEFAULT = "serving_default"

FUNCTIONS: dict[str, tuple[str, str]] = {
    "AnomalyDetector": ("score", "score"),
    "Clusterer": ("cluster", "shares"),
    "Embedder": ("encode", "latent"),
}
"""Estimator -> its function, and the output of it that is compared with the estimator."""


def check(estimator: Any) -> None:
    """Refuse an estimator that has no function to serve.

    Raises:
        ValueError: As said, or two categories of a column are written alike.
    """
    if (name := type(estimator).__name__) not in FUNCTIONS:
        raise ValueError(
            f"an estimator to export must be one of {sorted(FUNCTIONS)}. Received: {name}. Export "
            "its `model_`, which takes scaled rows"
        )
    for column in estimator.schema_.columns:
        texts = [str(value) for value in getattr(column, "values", ())]
        if len({*texts, ""}) <= len(texts):
            raise ValueError(
                "categories must be different texts, and not empty, to be looked up. Received: "
                f"{texts[:5]} in column {column.name!r}"
            )


def input_names(names: Sequence[Any]) -> list[str]:
    """Return the tensors' names of columns: the same, but for signs that TensorFlow does not take.

    Each such sign is an underscore, a word that Python has taken ends on one, and a name that is
    taken already on more.
    """
    found: list[str] = []
    for name in map(str, names):
        plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
        plain = plain if plain[:1].isalpha() else f"column_{plain}"
        while keyword.iskeyword(plain) or plain in found:
            plain += "_"
        found.append(plain)
    return found


def prepare(estimator: Any, staging: Path) -> None:
    """Write an estimator, rows for a probe and what it makes of them into a folder."""
    estimator.save(staging / ESTIMATOR)
    raw, table = _probe(estimator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of strange entries, which are there for the probe
        wanted = _wanted(estimator, table)
    arrays: dict[str, Any] = {f"in/{name}": rows for name, rows in raw.items()}
    np.savez(staging / PROBE, **arrays, wanted=wanted)


def _wanted(estimator: Any, table: Any) -> np.ndarray:
    methods = {"score": "anomaly_score", "cluster": "predict_proba", "encode": "transform"}
    found = getattr(estimator, methods[FUNCTIONS[type(estimator).__name__][0]])(table)
    return np.asarray(found, "float64")


def _probe(estimator: Any) -> tuple[dict[str, np.ndarray], Any]:
    """Return rows as tensors by name, and as a table."""
    import pandas as pd

    rng, rows, schema = np.random.default_rng(0), max(parity.BATCHES), estimator.schema_
    numbers = estimator.scaling_.restore(2.0 * rng.standard_normal((rows, schema.width)))
    raw: dict[str, np.ndarray] = {}
    table: dict[str, Any] = {}
    for column, part in zip(schema.columns, schema.slices, strict=True):
        gone = (rng.random(rows) < parity.MISSING_SHARE) & estimator._takes_gaps
        if isinstance(column, Category):
            known = [*column.values, UNSEEN]
            values = np.array([known[i] for i in rng.integers(len(known), size=rows)], "object")
            values[gone] = None
            raw[column.name] = np.array(["" if v is None else str(v) for v in values])
            table[column.name] = values
            continue
        values = numbers[:, part.start]
        values = np.where(gone, np.nan, values > 0.5 if isinstance(column, Boolean) else values)
        raw[column.name] = table[column.name] = values.astype("float64")
        if isinstance(column, Date):
            seconds = np.rint(values * 86_400.0)
            since = (np.datetime64(column.origin, "s") - np.datetime64(0, "s")).astype("float64")
            raw[column.name] = seconds + since
            table[column.name] = pd.to_datetime(seconds + since, unit="s", utc=bool(column.zone))
    if schema.library == "array":
        x = np.stack(list(raw.values()), axis=1)
        return {"x": x}, x
    named = dict(zip(input_names(schema.names), raw.values(), strict=True))
    return named, pd.DataFrame(table)


def carry_out(staging: Path, folder: Path, tell: Callable[[Mapping[str, Any]], None]) -> None:
    """Write what `prepare` left as a SavedModel, and tell how far it is from the estimator."""
    from keras_ae import estimators

    started = time.perf_counter()
    tell({"starts": "saved_model"})
    estimator = estimators.load(staging / ESTIMATOR)
    name, output = FUNCTIONS[type(estimator).__name__]
    write(estimator, folder)
    with np.load(staging / PROBE) as probe:
        given = {key[3:]: probe[key] for key in probe.files if key.startswith("in/")}
        wanted = probe["wanted"]
    measured = _measured(folder, name, output, given, wanted)
    extra = folder / "assets.extra"
    extra.mkdir()
    shutil.copy(staging / ESTIMATOR, extra / ESTIMATOR)
    schema = estimator.schema_
    inputs = dict(zip(map(str, schema.names), input_names(schema.names), strict=True))
    described = {"inputs": inputs, **schema.get_config()}
    (extra / "columns.json").write_text(json.dumps(described, indent=1))
    seconds = round(time.perf_counter() - started, 2)
    tell({"format": "saved_model", "parity": {name: measured}, "seconds": seconds})


def _measured(
    folder: Path, name: str, output: str, given: Mapping[str, np.ndarray], wanted: np.ndarray
) -> float:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    worst = 0.0
    for signature in (name, DEFAULT):
        for size in parity.BATCHES:
            tensors = {key: tf.constant(rows[:size]) for key, rows in given.items()}
            found = loaded.signatures[signature](**tensors)[output].numpy()
            worst = max(worst, parity.difference(found, wanted[:size]))
    return worst


def write(estimator: Any, folder: Path) -> None:
    """Write an estimator of TensorFlow's backend as a SavedModel.

    Args:
        estimator: A fitted one.
        folder: The folder to make.
    """
    import keras
    import tensorflow as tf

    name, _ = FUNCTIONS[type(estimator).__name__]
    columns = estimator.schema_.columns
    if estimator.schema_.library == "array":
        specs = [tf.TensorSpec((None, len(columns)), tf.float64, name="x")]
    else:
        names = input_names(estimator.schema_.names)
        dtypes = [tf.string if isinstance(c, Category) else tf.float64 for c in columns]
        specs = [tf.TensorSpec((None,), d, name=n) for n, d in zip(names, dtypes, strict=True)]

    def serve(*values: Any) -> dict[str, Any]:
        if estimator.schema_.library == "array":
            values = tuple(tf.unstack(values[0], len(columns), axis=1))
        return _answer(estimator, name, _scaled(estimator, values))

    archive = keras.export.ExportArchive()
    for model in estimator._state()[2]:
        archive.track(model)
    for signature in (name, DEFAULT):
        archive.add_endpoint(signature, serve, input_signature=specs)
    archive.write_out(str(folder), verbose=False)


def _scaled(estimator: Any, values: Any) -> Any:
    """Return a table's columns as rows in units of the network, float32, as `Scaling` has them."""
    import tensorflow as tf

    columns, scaling = estimator.schema_.columns, estimator.scaling_
    numbers = tf.concat([_numbers(c, v) for c, v in zip(columns, values, strict=True)], axis=1)
    wrong = tf.math.is_inf(numbers)
    if not estimator._takes_gaps:
        wrong = tf.logical_or(wrong, tf.math.is_nan(numbers))
    message = "entries must be finite" + ("" if estimator._takes_gaps else ", and none missing")
    right = tf.debugging.Assert(tf.logical_not(tf.reduce_any(wrong)), [message])
    with tf.control_dependencies([right]):
        scaled = (numbers - scaling.offset) / scaling.scale
    within = tf.clip_by_value(scaled, -scaling.limit, scaling.limit)
    return tf.cast(tf.where(tf.math.is_nan(scaled), scaled, within), tf.float32)


def _numbers(column: Any, values: Any) -> Any:
    """Return the numbers `(rows, width)`, float64, of a column's tensor, as its `encode` does."""
    import tensorflow as tf

    gone = np.float64("nan")
    if isinstance(column, Category):
        known = tf.constant([str(value) for value in column.values], tf.string, (column.width - 1,))
        is_known = tf.cast(tf.equal(values[:, None], known), tf.float64)
        other = 1.0 - tf.reduce_sum(is_known, axis=1, keepdims=True)
        found = tf.concat([is_known, other], axis=1)
        return tf.where(tf.equal(values, "")[:, None], gone, found)
    if isinstance(column, Date):
        since = (np.datetime64(column.origin, "s") - np.datetime64(0, "s")).astype("float64")
        values = (values - since) / 86_400.0
    return values[:, None]


def _answer(estimator: Any, name: str, x: Any) -> dict[str, Any]:
    import tensorflow as tf

    if name == "score":
        each = [tf.cast(member.score_tensor(x), tf.float64) for member in estimator.members_]
        score = tf.add_n(each) / len(each)
        return {"score": score, "is_anomaly": tf.cast(score > estimator.threshold_, tf.int64)}
    codes = tf.cast(tf.reshape(estimator.model_.encode_tensor(x), (tf.shape(x)[0], -1)), tf.float64)
    if name == "encode":
        return {"latent": codes}
    if estimator.centres_ is None:
        shares = tf.cast(estimator.model_.responsibilities_tensor(x), tf.float64)
    else:
        apart = tf.reduce_sum(tf.square(codes[:, None] - estimator.centres_), axis=-1)
        kernel = 1.0 / (1.0 + apart)
        shares = kernel / tf.reduce_sum(kernel, axis=1, keepdims=True)
    return {"shares": shares, "cluster": tf.argmax(shares, axis=1)}
