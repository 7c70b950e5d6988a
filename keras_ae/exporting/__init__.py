"""Exports: a trained model in formats that others run, each compared with it after writing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_ae.exporting import child, formats, own_layers, parity, tables, worker
from keras_ae.exporting.child import Copy
from keras_ae.exporting.facts import facts_of
from keras_ae.exporting.formats import FORMATS
from keras_ae.exporting.signatures import Signature, signatures_of
from keras_ae.repository import card, config, layout
from keras_ae.repository.layout import next_version
from keras_ae.repository.publishing import check_new, publish, staging_for


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote and how close it is.

    Args:
        path: The folder.
        copies: What was measured of each format.
        signatures: Names of the signatures.
    """

    path: Path
    copies: dict[str, Copy]
    signatures: tuple[str, ...]

    @property
    def parity(self) -> dict[str, float]:
        """Largest |copy - model| / max(1, |model|) of each signature, over the formats."""
        return {
            name: max(copy.parity[name] for copy in self.copies.values())
            for name in self.signatures
        }


def export(
    model_or_run: Any,
    to: str | os.PathLike[str],
    format: str | Sequence[str] = "saved_model",
    *,
    signatures: Sequence[str] | None = None,
    modules: Sequence[str] = (),
    labels: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> ExportReport:
    """Write a model in formats that run without Keras, and compare each with the model.

    A folder whose name is a whole number, `saved_models/NAME/1` say, is a version in a model
    repository: the repository's `models.config`, `batching.config` and `monitoring.config` are
    brought up to date with it. Another name is a folder and no more. What is written appears at
    once when all of it is right, or not at all.

    Args:
        model_or_run: A `LatentModel` of any backend, an estimator of tables, a `RunFolder`, or the
            path of a run folder or of a `.keras` or `.estimator` file.
        to: The folder to make; it must not exist.
        format: One or several of "saved_model", "onnx", "litert", "openvino" and "torch". The
            SavedModel stands at the folder's top, the others in `onnx/` and so on. Only a version
            that has one is entered into `models.config`.
        signatures: Names of the functions to write; all that the model has when None. See
            `keras_ae.exporting.signatures_of`.
        modules: Modules, or `.py` files, that define and register the model's own layers.
        labels: Labels for the new version, beside `latest`, in `models.config`.
        progress: Is told in a line what was done, and how close each copy is.

    Raises:
        ImportError: A package that a format needs is not installed.
        OSError: The folder cannot be written, or the disk is full.
        ValueError: An argument is wrong, the folder exists, the model cannot be written in a
            format, or a copy differs from it by more than 1e-5 max(1, |value|).

    Example:
        >>> import tempfile, keras_ae
        >>> model = keras_ae.create("autoencoder", input_shape=(4,), latent_dim=2)
        >>> folder = tempfile.mkdtemp()
        >>> report = keras_ae.export(model, f"{folder}/saved_models/ae/1")
        >>> sorted(report.signatures)
        ['decode', 'encode', 'score', 'serving_default']
    """
    chosen = _checked_formats(format)
    target = Path(to).absolute()
    is_version = layout.is_version(target)
    _check_target(target, labels, is_version and "saved_model" in chosen)
    model, run = _opened(model_or_run, modules)
    if not hasattr(model, "event_shape"):
        return _export_table(model, Path(to), chosen, labels, progress or (lambda line: None))
    own_layers.check(model)
    wanted = signatures_of(model, signatures)
    with staging_for(target) as staging:
        copies = _write(model, staging, chosen, wanted, modules, progress or (lambda line: None))
        folder = staging / worker.VERSION
        name = target.parent.name if is_version else target.name
        version = target.name if is_version else "none"
        card.write(folder, name, version, facts_of(model, wanted, copies, run))
        publish(folder, target)
    if "saved_model" in chosen:
        _register(target, labels)
    return ExportReport(Path(to), copies, tuple(s.name for s in wanted))


def _export_table(
    estimator: Any,
    to: Path,
    chosen: Sequence[str],
    labels: Sequence[str],
    progress: Callable[[str], None],
) -> ExportReport:
    """Write an estimator of tables as a SavedModel of raw columns; see `tables`."""
    if list(chosen) != ["saved_model"]:
        raise ValueError(
            "estimators of tables are exported as 'saved_model', whose tensors may be texts. "
            f"Received: {list(chosen)}. Export `estimator.model_` in other formats"
        )
    tables.check(estimator)
    target = to.absolute()
    with staging_for(target) as staging:
        tables.prepare(estimator, staging)
        copies = child.write_table(staging, progress)
        publish(staging / worker.VERSION, target)
    _register(target, labels)
    return ExportReport(to, copies, (tables.FUNCTIONS[type(estimator).__name__][0],))


def _register(target: Path, labels: Sequence[str]) -> None:
    if not layout.is_version(target):
        return
    try:
        config.register(target, labels)
    except BaseException:
        shutil.rmtree(target)  # a version that no server is told of
        raise


def check_target(root: str | os.PathLike[str], name: str, format: Any = "saved_model") -> None:
    """Refuse an export that could not be written, before there is a model to write.

    Args:
        root: The model repository.
        name: The model's name in it.
        format: One or several formats.

    Raises:
        ImportError: A package that a format needs is not installed.
        OSError: The repository cannot be written.
        ValueError: The name cannot be a folder's, or a format is unknown.
    """
    _checked_formats(format)
    base = next_version(root, name).absolute()
    config.check_config(Path(root))
    there = next(path for path in base.parents if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise OSError(f"a model repository must be a folder that can be written. Received: {there}")


def _checked_formats(given: str | Sequence[str]) -> list[str]:
    names = [given] if isinstance(given, str) else list(given)
    if not names:
        raise ValueError(f"`format` must name at least one of {list(FORMATS)}. Received: none")
    for name in names:
        formats.get(name)
    return [name for name in FORMATS if name in names]


def _check_target(target: Path, labels: Sequence[str], is_served: bool) -> None:
    check_new(target)
    for label in labels:
        layout.check_label(label)
    if layout.is_version(target):
        layout.check_name(target.parent.name)
        config.check_config(target.parent.parent)
    if labels and not is_served:
        raise ValueError(
            "`labels` are for versions with a SavedModel, in folders named by numbers. "
            f"Received: {target}"
        )


def _opened(model_or_run: Any, modules: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    """Return a model or an estimator, and what is known of its training."""
    from keras_ae import estimators
    from keras_ae.estimators.table_estimator import TableEstimator
    from keras_ae.latent_model import LatentModel
    from keras_ae.reports.run import RunFolder, load_model

    if isinstance(model_or_run, (LatentModel, TableEstimator)):
        return model_or_run, {}
    for name in modules:
        worker.import_module(name)
    if isinstance(model_or_run, (str, os.PathLike)):
        path = Path(model_or_run)
        fitted = path / tables.ESTIMATOR if path.is_dir() else path
        if fitted.suffix == ".estimator" and fitted.is_file():
            return estimators.load(fitted), {}
        if path.is_file() or path.suffix == ".keras":
            return load_model(path), {}
        model_or_run = RunFolder(path)
    if not isinstance(model_or_run, RunFolder):
        raise TypeError(
            "an export needs a LatentModel, an estimator of tables, a run folder, or a .keras or "
            ".estimator file. "
            f"Received: {type(model_or_run).__name__}"
        )
    known = {"settings": model_or_run.read_config(), "metrics": model_or_run.read_metrics()}
    return model_or_run.load_model(), known


def _write(
    model: Any,
    staging: Path,
    chosen: Sequence[str],
    wanted: Sequence[Signature],
    modules: Sequence[str],
    progress: Callable[[str], None],
) -> dict[str, Copy]:
    """Write and compare the copies under `staging`."""
    (staging / worker.VERSION).mkdir()
    model.save(staging / worker.MODEL)
    served = _in_float32(model)
    if served is not model:
        served.save(staging / worker.SERVED)
    made: dict[str, Any] = parity.probe(served, wanted)
    np.savez(staging / worker.PROBE, **made)
    names = [signature.name for signature in wanted]
    return child.write_copies(served, staging, chosen, names, modules, progress)


def _in_float32(model: Any) -> Any:
    """Return the model, or its like that computes in float32 where it computes in less.

    Servers answer in float32, and the weights of mixed precision are that already.
    """
    if model.dtype_policy.compute_dtype == "float32":
        return model
    arguments = model.get_config()
    served = type(model).from_config(_with_float32(arguments))
    served.set_weights(model.get_weights())
    return served


def _with_float32(config: Any) -> Any:
    """Return a config in which every layer computes in float32, those of the user's own too."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return {**config, "config": {"name": "float32"}}
        return {key: _with_float32(value) for key, value in config.items()}
    return [_with_float32(value) for value in config] if isinstance(config, list) else config


__all__ = [
    "FORMATS",
    "Copy",
    "ExportReport",
    "check_target",
    "export",
    "next_version",
    "signatures_of",
]
