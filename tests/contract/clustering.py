"""The rows of models that cluster."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from tests.contract.cases import SMALL, Arrays, Case, half_squared_error


def centres_of(model: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(model.bottleneck.centres), "f8")


def divergence(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """KL(P || Q), Xie et al. (2016), equations 1 to 3, of a target that was never renewed."""
    apart = outputs["latent"].astype("f8")[:, None] - centres_of(model)
    kernel = 1 / (1 + (apart**2).sum(-1))
    q = kernel / kernel.sum(1, keepdims=True)
    p = q**2 / (q**2).sum(1, keepdims=True)
    return float((p * np.log(p / q)).sum(1).mean())


def kept_and_divergent(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """Half of L_r + 0.1 L_c, Guo et al. (2017), equation 1."""
    kept = half_squared_error(x, outputs, model)
    return kept + 0.05 * divergence(x, outputs, model)


def kept_and_near(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """Half of |x - g(f(x))|^2 + 0.1 / 2 |f(x) - mu|^2, Yang et al. (2017), equation 5."""
    apart = outputs["latent"].astype("f8")[:, None] - centres_of(model)
    least = (apart**2).sum(-1).min(1)
    return half_squared_error(x, outputs, model) + 0.1 / 4 * float(least.mean())


OF_CLUSTERS: dict[str, Any] = {**SMALL, "clusters": 3, "pretrain_epochs": 1, "tolerance": 0.0}
CLUSTERING = [
    Case("dec", divergence, OF_CLUSTERS, distortion=None),
    Case("idec", kept_and_divergent, OF_CLUSTERS),
    Case("dcn", kept_and_near, OF_CLUSTERS),
]
