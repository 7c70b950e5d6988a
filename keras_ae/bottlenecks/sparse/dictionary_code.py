"""What every code over a dictionary promises: few of its numbers are not zero."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, final

import keras
import numpy as np
from keras import ops

from keras_ae.bottlenecks.bottleneck import Bottleneck
from keras_ae.networks.dictionary import Dictionary, geometric_median
from keras_ae.parts import checked_claim, checked_size
from keras_ae.typing import Outputs, Tensor


class DictionaryCode(Bottleneck):
    """z = f((x - b) W + c): how much of each atom of a dictionary an example has.

    `DictionaryDecoder` adds the atoms up: x^ = z D + b. W starts as the transpose of D, b at the
    geometric median of the training data.

    Args:
        latent_dim: Number m of atoms, which may be many times the data's.
        unit_norm: Whether atoms have length one.
        centred: Whether b, where the decoder starts, is taken off before: not where something else
            is decoded than what is encoded.

    Reference:
        Bricken et al. (2023), https://transformer-circuits.pub/2023/monosemantic-features, appendix
        A, for the bias that is taken off; Gao et al. (2024), https://arxiv.org/abs/2406.04093,
        appendix A, for the start.
    """

    reports: tuple[str, ...] = ("pre_activations",)
    adapts = True

    def __init__(self, latent_dim: int, unit_norm: bool = True, centred: bool = True) -> None:
        super().__init__()
        self.latent_shape = (checked_size("latent_dim", latent_dim),)
        self.centred = checked_claim("centred", centred)
        self.dictionary = Dictionary(latent_dim, checked_claim("unit_norm", unit_norm))
        self.flatten = keras.layers.Flatten("channels_last")

    # What a sparse code defines.

    @abstractmethod
    def activate(self, pre: Tensor, training: bool) -> Outputs:
        """Return `latent` and what else is reported, of pre-activations `(batch, m)`."""

    def make_weights(self) -> None:
        """Make what the activation needs; nothing by default."""

    # What all share.

    @property
    def size(self) -> int:
        """The number m of atoms."""
        return self.latent_shape[0]

    @final
    def build(self, h_shape: Any) -> None:
        """Make the weights for features of this shape."""
        self.flatten.build(h_shape)
        _, width = self.flatten.compute_output_shape(h_shape)
        self.dictionary.build(width)
        self.kernel = self.state("kernel", (width, self.size), trainable=True)
        self.kernel.assign(ops.transpose(self.dictionary.atoms))
        self.bias = self.state("bias", (self.size,), trainable=True)
        self.centre = self.state("centre", (width,))
        self.make_weights()
        self.built = True

    def state(self, name: str, shape: Any, initializer: Any = "zeros", **options: Any) -> Any:
        """Return a new float32 weight, which is not trained unless it is said so."""
        given = {"trainable": False, "dtype": "float32", "autocast": False, **options}
        return self.add_weight(name=name, shape=shape, initializer=initializer, **given)

    @final
    def call(self, h: Tensor, training: bool = False, sample: bool = False) -> Outputs:
        """Return `{"latent": (batch, m), "pre_activations": (batch, m), ...}`, float32."""
        flat = ops.cast(self.flatten(h), "float32")
        if self.centred:
            flat = flat - ops.convert_to_tensor(self.dictionary.bias)
        pre = ops.matmul(flat, ops.convert_to_tensor(self.kernel))
        pre = pre + ops.convert_to_tensor(self.bias)
        return {"pre_activations": pre, **self.activate(pre, training)}

    def adapt(self, vectors: Any, seed: int = 0) -> None:
        """Start the bias at the geometric median of rows, and remember it as their centre."""
        rows = ops.convert_to_numpy(vectors).astype("float64").reshape(len(vectors), -1)
        rows = _filled(rows)
        median = geometric_median(rows).astype("float32")
        self.centre.assign(rows.mean(axis=0).astype("float32"))
        if self.centred:
            self.dictionary.bias.assign(median)

    def atoms(self) -> np.ndarray:
        """Return the atoms, `(m, width)`, in the units of normalised data."""
        return np.asarray(ops.convert_to_numpy(self.dictionary.atoms))


def _filled(rows: np.ndarray) -> np.ndarray:
    """Return rows with their gaps at the means of their columns, 0 where nothing is observed."""
    seen = ~np.isnan(rows)
    means = np.where(seen, rows, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    return np.where(seen, rows, means)
