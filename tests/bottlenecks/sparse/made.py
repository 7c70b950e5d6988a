"""Codes of known weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from keras_ae.bottlenecks import DictionaryCode

WIDTH = 5
X = np.random.default_rng(0).normal(size=(40, WIDTH)).astype("f4")


def made(code: DictionaryCode, seed: int = 1) -> Any:
    """Return a code whose weights are drawn, all of them."""
    rng = np.random.default_rng(seed)
    code.build((None, WIDTH))
    for variable in (code.kernel, code.bias, code.dictionary.vectors, code.dictionary.bias):
        variable.assign(0.5 * rng.normal(size=variable.shape))
    return code


def pre_activations(code: Any, x: np.ndarray = X) -> np.ndarray:
    """(x - b) W + c, float64."""
    kernel, bias, shift = (
        np.array(ops.convert_to_numpy(v), "f8")
        for v in (code.kernel, code.bias, code.dictionary.bias)
    )
    return np.asarray((x - shift * code.centred) @ kernel + bias)


def latent(code: Any, x: np.ndarray = X, training: bool = False) -> np.ndarray:
    """Return the codes of rows."""
    outputs = code(ops.convert_to_tensor(x), training=training)
    return np.array(ops.convert_to_numpy(outputs["latent"]))
