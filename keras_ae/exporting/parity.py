"""The check that an exported copy computes what the model computes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

TOLERANCE = 1e-5
BATCHES = (1, 3, 7)

SIGNATURES = {
    "serving_default": ("x", "reconstruction"),
    "encode": ("x", "latent"),
    "decode": ("latent", "reconstruction"),
    "score": ("x", "score"),
}
"""Signature -> (name of its input, name of its output)."""


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote and how close it is.

    Args:
        path: The folder.
        parity: Largest |copy - model| / max(1, |model|) of each signature.
        signatures: Names of the signatures.
    """

    path: Path
    parity: dict[str, float]
    signatures: tuple[str, ...]


def probe(model: Any, seed: int = 0) -> dict[str, np.ndarray]:
    """Return inputs and the model's own outputs of every signature, by `signature/role`."""
    x = np.random.default_rng(seed).random((max(BATCHES), *model.event_shape), dtype="float32")
    latent = model.encode(x)
    return {
        "serving_default/input": x,
        "serving_default/output": model.reconstruct(x),
        "encode/input": x,
        "encode/output": latent,
        "decode/input": latent,
        "decode/output": model.decode(latent),
        "score/input": x,
        "score/output": model.score(x),
    }


def difference(copy: np.ndarray, model: np.ndarray) -> float:
    """Return the largest |copy - model| / max(1, |model|); infinite when a number is not one."""
    if copy.shape != model.shape or not np.isfinite(copy).all():
        return float("inf")
    return float(np.max(np.abs(copy - model) / np.maximum(1.0, np.abs(model)), initial=0.0))


def check(parity: dict[str, float]) -> None:
    """Refuse a copy that differs from its model.

    Raises:
        ValueError: A signature's difference is above the tolerance.
    """
    for name, value in parity.items():
        if not value <= TOLERANCE:
            raise ValueError(
                f"an export must equal its model to {TOLERANCE:g} max(1, |value|). "
                f"Received: {value:.3g} in signature {name!r}. Nothing was written."
            )
