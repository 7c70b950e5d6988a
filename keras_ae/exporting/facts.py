"""What a model card says of a model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import keras

from keras_ae import registry
from keras_ae.exporting.signatures import Signature, Tensor

PACKAGES = ("keras-ae", "keras", "numpy", "tensorflow", "tensorflow-cpu", "torch", "jax")


def facts_of(
    model: Any,
    signatures: Sequence[Signature],
    copies: Mapping[str, Any],
    run: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what a card says, as plain data.

    Args:
        model: The model.
        signatures: What was exported.
        copies: Each format's `Copy`.
        run: `settings` and `metrics` of the run that trained it, where there is one.
    """
    return {
        "variant": model.variant,
        "paper": _paper(model),
        "arguments": json.loads(json.dumps(model.serialized_arguments(), default=str)),
        "parameters": int(model.count_params()),
        "takes_missing_entries": model.missing == "mask",
        "trained": dict(run.get("settings", {})),
        "metrics": dict(run.get("metrics", {})),
        "signatures": {s.name: _described(s) for s in signatures},
        "formats": {
            name: {"seconds": copy.seconds, "differences": dict(copy.parity)}
            for name, copy in copies.items()
        },
        "versions": _versions(),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _paper(model: Any) -> str | None:
    known = model.variant in registry.list_variants()
    return registry.describe(model.variant).paper if known else None


def _described(signature: Signature) -> dict[str, Any]:
    return {
        "inputs": {t.name: _shape(t) for t in signature.inputs},
        "outputs": {signature.output.name: _shape(signature.output)},
    }


def _shape(tensor: Tensor) -> dict[str, Any]:
    noise = {"noise": tensor.kind} if tensor.kind in ("normal", "uniform") else {}
    below = {} if tensor.below is None else {"below": tensor.below}
    least = {"least": tensor.least} if tensor.least else {}
    return {"shape": [None, *tensor.shape], "dtype": tensor.dtype, **noise, **below, **least}


def _versions() -> dict[str, str]:
    found = {"trained_with": keras.backend.backend()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
