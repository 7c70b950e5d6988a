"""Estimators in one file: a zip of JSON, arrays and `.keras` models, without pickles."""

from __future__ import annotations

import importlib
import io
import json
import os
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.utils.validation import check_is_fitted

from keras_ae.estimators import thresholds
from keras_ae.estimators.scaling import Scaling
from keras_ae.estimators.schema import TableSchema
from keras_ae.estimators.thresholds import Threshold
from keras_ae.files import replacing
from keras_ae.naming import nearest
from keras_ae.parts import deserialize, serialize

FORMAT = 1
DESCRIPTION = "estimator.json"
ARRAYS = "arrays.npz"
KEPT = {"kept": "with the models"}
"""What stands for a parameter that is a model."""
RULE = "rule"
UNSAVED = ("callbacks",)


def save(estimator: Any, path: str | os.PathLike[str]) -> Path:
    """Write a fitted estimator to one file, at once; it is what `load` reads on any backend.

    Callbacks are not written.

    Args:
        estimator: A fitted estimator.
        path: The file, whose name should end on ".estimator".

    Raises:
        OSError: It cannot be written.
        NotFittedError: The estimator is not fitted.
    """
    target = Path(path)
    check_is_fitted(estimator)
    state, arrays, models = estimator._state()
    description = {
        "format": FORMAT,
        "estimator": type(estimator).__name__,
        "versions": {name: metadata.version(name) for name in ("keras-ae", "keras", "numpy")},
        "backend": keras.backend.backend(),
        "parameters": _parameters(estimator),
        "schema": estimator.schema_.get_config(),
        "scaling": estimator.scaling_.get_config(),
        "features": {
            name: np.asarray(getattr(estimator, name)).tolist()
            for name in ("n_features_in_", "feature_names_in_")
            if hasattr(estimator, name)
        },
        "models": len(models),
        "state": state,
    }
    with (
        replacing(target) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive,
    ):
        archive.writestr(DESCRIPTION, json.dumps(description, indent=1, allow_nan=False))
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        archive.writestr(ARRAYS, buffer.getvalue())
        for i, model in enumerate(models):
            inner = partial.with_name(f"{partial.name}.keras")
            try:
                model.save(inner)
                archive.write(inner, f"model_{i}.keras")
            finally:
                inner.unlink(missing_ok=True)
    return target


def load(path: str | os.PathLike[str]) -> Any:
    """Return the estimator of a file that `save` wrote, on whatever backend runs.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, from a later version, or holds something else.
    """
    target = Path(path)
    if not target.is_file():
        raise FileNotFoundError(f"an estimator must be a file. Received: {target}, not there")
    try:
        with zipfile.ZipFile(target) as archive:
            if (damaged := archive.testzip()) is not None:
                raise zipfile.BadZipFile(f"{damaged} is altered")
            description = json.loads(archive.read(DESCRIPTION))
            _check(description, target)
            with np.load(io.BytesIO(archive.read(ARRAYS)), allow_pickle=False) as found:
                arrays = dict(found)
            models = [_model(archive, f"model_{i}.keras") for i in range(description["models"])]
    except (zipfile.BadZipFile, KeyError, json.JSONDecodeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"an estimator must be a whole file that `save` wrote. Received: {target} ({reason})"
        ) from error
    return _restored(description, arrays, models)


def _check(description: Any, target: Path) -> None:
    from keras_ae.estimators.catalogue import ESTIMATORS

    if not isinstance(description, dict) or description.get("format") != FORMAT:
        given = description.get("format") if isinstance(description, dict) else None
        raise ValueError(
            f"an estimator's file must have format {FORMAT}. Received: {given!r} in {target}. "
            "Install the version of keras_ae that wrote it"
        )
    if (name := description["estimator"]) not in ESTIMATORS:
        raise ValueError(
            f"a file must hold one of {sorted(ESTIMATORS)}. Received: {name!r} in {target}. "
            f"{nearest(name, ESTIMATORS)}"
        )


def _restored(description: dict[str, Any], arrays: dict[str, Any], models: list[Any]) -> Any:
    from keras_ae.estimators.catalogue import ESTIMATORS

    estimator = ESTIMATORS[description["estimator"]]()
    estimator.schema_ = TableSchema.from_config(description["schema"])
    estimator.scaling_ = Scaling.from_config(description["scaling"])
    for name, value in description["features"].items():
        setattr(estimator, name, np.array(value, "object") if isinstance(value, list) else value)
    estimator._restore(description["state"], arrays, models)
    for name, value in description["parameters"].items():
        setattr(estimator, name, estimator.model_ if value == KEPT else _value(value))
    return estimator


def _parameters(estimator: Any) -> dict[str, Any]:
    found = {}
    for name, value in estimator.get_params(deep=False).items():
        if name in UNSAVED or isinstance(value, np.random.RandomState):
            continue
        found[name] = KEPT if isinstance(value, keras.Model) else _plain(value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Threshold):
        return {RULE: thresholds.to_config(value)}
    return serialize(value)


def _value(plain: Any) -> Any:
    if isinstance(plain, dict) and RULE in plain:
        return thresholds.from_config(plain[RULE])
    return deserialize(plain)


def _model(archive: zipfile.ZipFile, name: str) -> Any:
    for module in ("models", "samplers"):  # Keras loads classes that it knows
        importlib.import_module(f"keras_ae.{module}")
    with tempfile.TemporaryDirectory() as folder:
        return keras.saving.load_model(archive.extract(name, folder))
