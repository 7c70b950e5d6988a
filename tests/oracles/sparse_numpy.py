"""Dictionary codes in NumPy, float64, from the papers; and how weights get into a model."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

WIDTH, ATOMS = 5, 12


def weights(code: Any, seed: int = 0, width: int = WIDTH) -> dict[str, np.ndarray]:
    """Give a built dictionary code random weights; return them, with atoms as they are used."""
    rng = np.random.default_rng(seed)
    m = code.size
    w = {
        "W": rng.normal(size=(width, m)),
        "c": rng.normal(size=m) * 0.3,
        "D": rng.normal(size=(m, width)),
        "b": rng.normal(size=width) * 0.5,
    }
    code.kernel.assign(w["W"])
    code.bias.assign(w["c"])
    code.dictionary.weights[0].assign(w["D"])
    code.dictionary.bias.assign(w["b"])
    if code.dictionary.unit_norm:
        w["D"] = w["D"] / np.linalg.norm(w["D"], axis=1, keepdims=True)
    return w


def pre(w: dict[str, np.ndarray], x: np.ndarray, centred: bool = True) -> np.ndarray:
    """Return (x - b) W + c."""
    return (x - w["b"] * centred) @ w["W"] + w["c"]


def top_k(p: np.ndarray, k: int, rectify: bool = True) -> np.ndarray:
    """Return p where it is one of the k largest of its row, else 0 (Gao et al., equation 4)."""
    z = np.zeros_like(p)
    best = np.argsort(-p, axis=1, kind="stable")[:, :k]
    np.put_along_axis(z, best, np.take_along_axis(p, best, 1), 1)
    return np.maximum(z, 0) if rectify else z


def batch_top_k(p: np.ndarray, k: int) -> np.ndarray:
    """Return p where it is one of the k * rows largest positive of all rows, else 0."""
    flat = np.maximum(p, 0).ravel()
    z = np.zeros_like(flat)
    best = np.argsort(-flat, kind="stable")[: k * len(p)]
    z[best] = flat[best]
    return z.reshape(p.shape)


def half_square(e: np.ndarray) -> np.ndarray:
    """Return half of the squared length of each row."""
    return 0.5 * (e**2).sum(-1)


def gaussian(e: np.ndarray) -> np.ndarray:
    """Return -log N(e; 0, I) of each row."""
    return half_square(e) + 0.5 * e.shape[-1] * np.log(2 * np.pi)


def array(x: Any) -> np.ndarray:
    """Return a tensor of any backend as an array."""
    return np.asarray(ops.convert_to_numpy(x))


def rows(count: int, seed: int = 1, width: int = WIDTH) -> np.ndarray:
    """Return float32 rows."""
    return np.random.default_rng(seed).normal(size=(count, width)).astype("float32")


def close(a: Any, b: Any, tolerance: float = 1e-5) -> None:
    """Compare by |a - b| <= tolerance * max(1, |b|)."""
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    assert a.shape == b.shape, (a.shape, b.shape)
    np.testing.assert_array_less(np.abs(a - b), tolerance * np.maximum(1, np.abs(b)) + 1e-30)


def term(model: Any, x: np.ndarray, kind: type, y: Any = None, training: bool = True) -> Any:
    """Return each row's value of a model's term of this kind."""
    batch = model.batch(ops.convert_to_tensor(x), y)
    outputs = model.autoencode(batch, training=training, sample=True)
    (found,) = [t for t in model.objective if isinstance(t, kind)]
    return found.value(model, batch, outputs, training)
