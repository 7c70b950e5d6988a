"""The check that an exported copy computes what the model computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_ae.exporting.signatures import Signature, Tensor

TOLERANCE = 1e-5
BATCHES = (1, 3, 7)
MISSING_SHARE = 0.2
LARGEST_COUNT = 20

Runner = Callable[[str, dict[str, np.ndarray]], np.ndarray]
"""(name of a signature, its inputs) -> its output."""


class Differs(ValueError):
    """A copy that does not compute what its model computes."""


def probe(model: Any, signatures: Sequence[Signature], seed: int = 0) -> dict[str, np.ndarray]:
    """Return inputs and the model's own outputs of signatures, by `signature/in|out/tensor`."""
    rng = np.random.default_rng(seed)
    made: dict[str, np.ndarray] = {}
    for signature in signatures:
        inputs = {t.name: _rows(model, t, rng) for t in signature.inputs}
        for name, rows in inputs.items():
            made[f"{signature.name}/in/{name}"] = rows
        made[f"{signature.name}/out/{signature.output.name}"] = output(model, signature, inputs)
    return made


def output(model: Any, signature: Signature, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return what the model itself gives."""
    if len(inputs) == 1:  # as the model's own methods do it
        return np.asarray(model.views.run(signature.function, *inputs.values()))
    tensors = {name: ops.convert_to_tensor(rows) for name, rows in inputs.items()}
    return np.asarray(ops.convert_to_numpy(signature.apply(model, tensors)))


def inputs_of(signature: Signature, made: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the inputs of a signature out of a probe."""
    return {t.name: made[f"{signature.name}/in/{t.name}"] for t in signature.inputs}


def measure(
    run: Runner, signatures: Sequence[Signature], made: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Return each signature's largest difference from the model over the probe's batches."""
    measured: dict[str, float] = {}
    for signature in signatures:
        inputs = inputs_of(signature, made)
        expected = made[f"{signature.name}/out/{signature.output.name}"]
        measured[signature.name] = max(
            difference(
                run(signature.name, {name: rows[:size] for name, rows in inputs.items()}),
                expected[:size],
            )
            for size in BATCHES
        )
    return measured


def difference(copy: np.ndarray, model: np.ndarray) -> float:
    """Return the largest |copy - model| / max(1, |model|); infinite when a number is not one."""
    if copy.shape != model.shape or copy.dtype != model.dtype or not np.isfinite(copy).all():
        return float("inf")
    copy, model = copy.astype("float64"), model.astype("float64")
    return float(np.max(np.abs(copy - model) / np.maximum(1.0, np.abs(model)), initial=0.0))


def check(kind: str, measured: Mapping[str, float]) -> None:
    """Refuse a copy that differs from its model.

    Args:
        kind: The copy's format.
        measured: Each signature's difference.

    Raises:
        Differs: One is above the tolerance.
    """
    for name, value in measured.items():
        if not value <= TOLERANCE:
            raise Differs(
                f"an export must equal its model to {TOLERANCE:g} max(1, |value|). "
                f"Received: {value:.3g} in signature {name!r} of {kind}. Nothing was written."
            )


def _rows(model: Any, tensor: Tensor, rng: np.random.Generator) -> np.ndarray:
    shape = (max(BATCHES), *tensor.shape)
    if tensor.kind == "normal":
        return rng.standard_normal(shape, dtype="float32")
    if tensor.kind == "indices":
        return rng.integers(0, model.bottleneck.num_codes, shape, dtype="int32")
    if tensor.kind == "condition":
        told = np.asarray(model.condition.probe(rng, max(BATCHES)))
        return told if tensor.below is None else np.maximum(told, tensor.least)
    if tensor.name == "x":
        return _data(model, rng)
    rows = rng.random(shape, dtype="float32")
    if tensor.kind == "latent":
        data: Any = _data(model, rng)
        if model.condition is not None:
            data = {"x": data, "condition": model.condition.probe(rng, len(data))}
        return np.asarray(model.encode(data))
    return rows


def _data(model: Any, rng: np.random.Generator) -> np.ndarray:
    """Return rows in data units, some of their entries missing where a model takes that."""
    rows = rng.random((max(BATCHES), *model.event_shape), dtype="float32")
    if model.likelihood.whole:
        most = min(model.likelihood.support[1], LARGEST_COUNT)
        rows = np.floor((most + 1) * rows).clip(0, most)
    rows = np.array(ops.convert_to_numpy(model.normalizer.restore(rows)))
    if model.missing == "mask":
        rows[rng.random(rows.shape) < MISSING_SHARE] = np.nan
    return rows
