"""A small quantizer of every kind, for vectors of one width, and what tests do with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.bottlenecks import (
    BinarySphericalQuantizer,
    FiniteScalarQuantizer,
    GroupedQuantizer,
    GumbelQuantizer,
    LatentQuantizer,
    LookupFreeQuantizer,
    MultiScaleQuantizer,
    RandomProjectionQuantizer,
    ResidualQuantizer,
    SimVectorQuantizer,
    StochasticQuantizer,
    VectorQuantizer,
)

WIDTH = 4
MAPS = (3, 4, 4, WIDTH)
KINDS: dict[str, Callable[[], Any]] = {
    "vector": lambda: VectorQuantizer(8, WIDTH),
    "cosine": lambda: VectorQuantizer(8, WIDTH, distance="cosine"),
    "learned": lambda: VectorQuantizer(8, WIDTH, update="loss"),
    "heads": lambda: VectorQuantizer(8, WIDTH, heads=2),
    "rotation": lambda: VectorQuantizer(8, WIDTH, estimator="rotation"),
    "residual": lambda: ResidualQuantizer(VectorQuantizer(8, WIDTH), 3),
    "dropout": lambda: ResidualQuantizer(VectorQuantizer(8, WIDTH), 3, dropout=0.5),
    "residual_finite": lambda: ResidualQuantizer(
        FiniteScalarQuantizer([5] * WIDTH, symmetric=True), 3
    ),
    "residual_signs": lambda: ResidualQuantizer(LookupFreeQuantizer(WIDTH), 2),
    "grouped": lambda: GroupedQuantizer(VectorQuantizer(8, WIDTH // 2), 2),
    "finite": lambda: FiniteScalarQuantizer([8, 5, 5, 5]),
    "symmetric": lambda: FiniteScalarQuantizer([4, 3, 2, 5], symmetric=True),
    "signs": lambda: LookupFreeQuantizer(WIDTH),
    "spherical": lambda: BinarySphericalQuantizer(WIDTH),
    "sim": lambda: SimVectorQuantizer(8, WIDTH),
    "projection": lambda: RandomProjectionQuantizer(8, 3, WIDTH),
    "latent": lambda: LatentQuantizer([4, 3, 4, 2]),
    "gumbel": lambda: GumbelQuantizer(WIDTH, 3),
    "stochastic": lambda: StochasticQuantizer(8, WIDTH),
    "multi_scale": lambda: MultiScaleQuantizer(VectorQuantizer(8, WIDTH), [1, 2, 4]),
}
OF_MAPS = ["multi_scale"]
DRAWN = ["dropout", "gumbel", "stochastic"]
OF_ANY = [name for name in KINDS if name not in OF_MAPS]


def features(*shape: int, seed: int = 0) -> np.ndarray:
    """Return normal numbers, float32."""
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def made(name: str, shape: tuple[int, ...] = MAPS) -> Any:
    """Return a built quantizer, always the same, whose codes started from data."""
    keras.utils.set_random_seed(7)
    quantizer = KINDS[name]()
    quantizer.build((None, *shape[1:]))
    quantizer.adapt(features(64, *MAPS[1:], seed=1))
    return quantizer


def arrays(outputs: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return outputs as NumPy's."""
    return {key: ops.convert_to_numpy(value) for key, value in outputs.items()}


def called(quantizer: Any, h: np.ndarray, **options: Any) -> dict[str, np.ndarray]:
    """Return the outputs of a call as NumPy's."""
    return arrays(quantizer(ops.convert_to_tensor(h), **options))


def state(layer: Any) -> list[np.ndarray]:
    """Return copies of all that a layer holds, with the states of its noise."""
    return [np.array(ops.convert_to_numpy(v)) for v in layer.variables]


def assert_same(a: Any, b: Any) -> None:
    """Check that two lists, or dicts, of arrays are equal to the last bit."""
    if isinstance(a, dict):
        assert list(a) == list(b)
        a, b = a.values(), b.values()
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)
