"""The rows of models whose codes an entropy coder writes, and their objectives in NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import ops
from scipy import stats
from scipy.special import expit

from tests.contract.cases import Arrays, Case


def array(tensor: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(tensor), "f8")


def cumulative(code: Any, x: np.ndarray) -> np.ndarray:
    """sigmoid(f_c(x)), f_c of Balle et al. (2018), appendix 6.1, `(n, channels)`."""
    logits = x[..., None]
    for i, (matrix, bias) in enumerate(zip(code.matrices, code.biases, strict=True)):
        slopes, shift = np.logaddexp(0, array(matrix)), array(bias)
        logits = np.einsum("coi,nci->nco", slopes, logits) + shift
        if i < len(code.factors):
            logits = logits + np.tanh(array(code.factors[i])) * np.tanh(logits)
    return np.asarray(expit(logits)[..., 0])


def nats_of_channels(code: Any, latent: np.ndarray) -> float:
    """-log of the masses of intervals of length 1 about codes, an example's mean."""
    flat = latent.astype("f8").reshape(-1, latent.shape[-1])
    masses = cumulative(code, flat + 0.5) - cumulative(code, flat - 0.5)
    return float(-np.log(masses).sum() / len(latent))


def error_of(x: np.ndarray, outputs: Arrays, trade_off: float) -> float:
    """What a pixel's bits + lambda 255^2 MSE have of the error, as nats of a normal."""
    variance = x.shape[-1] / (2 * math.log(2) * trade_off * 255**2)
    each = (x - outputs["decoded"]) ** 2 / (2 * variance) + 0.5 * math.log(2 * math.pi * variance)
    return float(each.sum() / len(x))


def with_side_information(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """Balle et al. (2018), equation 6, with the locations of Minnen et al. (2018)."""
    code = model.bottleneck
    told = array(code.synthesis(outputs["side"]))
    index, location = np.split(told, 2, axis=-1)
    scale = 0.11 * (256 / 0.11) ** (np.clip(index + 18, 0, 63) / 63)
    away = -np.abs(outputs["latent"] - location)
    masses = stats.norm.cdf((away + 0.5) / scale) - stats.norm.cdf((away - 0.5) / scale)
    nats = -np.log(masses).sum() / len(x) + nats_of_channels(code.side, outputs["side"])
    return error_of(x, outputs, 0.02) + float(nats)


COMPRESSIVE = [
    Case(
        "hyperprior_autoencoder",
        with_side_information,
        {
            **{"latent_dim": 3, "hidden": [6], "hyper_dim": 2, "hyper_hidden": [4]},
            "trade_off": 0.02,
        },
        event_shape=(6, 6, 1),
    ),
]
