"""Quantization of a map at several resolutions, the finer ones given the coarser codes."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keras_ae.bottlenecks.quantizers.quantizer import Codes, Quantizer, copies, of_example
from keras_ae.networks import halving, stages
from keras_ae.parts import checked_size
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class HierarchicalQuantizer(Quantizer):
    """Writes a map as maps of codes at several resolutions, each half the one before.

    The features are made smaller, level by level. The coarsest map is quantized; each finer one
    together with what is decoded from the codes above it. The code is the finest codes and, brought
    up to their size, all others, side by side. Indices of a row are those of all levels, the
    finest first, one map after another.

    Args:
        base: The quantizer of a level, of one index a vector, of which copies are made.
        width: Channels of the maps between levels.
        levels: How many, at least 2.
        tokens: Not used: features must be maps.

    Reference:
        Razavi et al. (2019), https://arxiv.org/abs/1906.00446, section 3.1, algorithm 1.

    Example:
        >>> import numpy as np
        >>> from keras_ae.bottlenecks import VectorQuantizer
        >>> quantizer = HierarchicalQuantizer(VectorQuantizer(8, 3), width=4)
        >>> quantizer(np.ones((2, 7, 7, 4), "float32"))["indices"].shape == (2, 49 + 16)
        True
    """

    is_local = False

    def __init__(self, base: Quantizer, width: int = 64, levels: int = 2, tokens: int = 16) -> None:
        super().__init__(tokens)
        self.parts = copies(base, checked_size("levels", levels))
        if len(base.sizes) != 1:
            raise ValueError(
                "`base` must give one index for each vector. Received: "
                f"{type(base).__name__} of {len(base.sizes)}."
            )
        if levels < 2:
            raise ValueError(f"`levels` must be at least 2. Received: levels={levels}")
        self.width, self.part_dim = checked_size("width", width), base.code_dim
        self.sizes, self.of_batch = base.sizes, base.of_batch
        self.code_dim = base.code_dim * levels

    @property
    def width_of_vectors(self) -> int:
        """Channels of the features."""
        return self.width

    @property
    def index_shape(self) -> Shape:
        """Shape of one example's indices: all maps, flat."""
        return (sum(math.prod(shape) for shape in self.maps),)

    def build_codes(self) -> None:
        """Make the networks between levels, and the codes.

        Raises:
            ValueError: Features are not maps.
        """
        last = len(self.parts) - 1
        self.maps = stages.sizes(self.latent_shape[:-1], last)
        dim = self.part_dim
        self.down, self.decode, self.up = [], [], []
        for level, size in enumerate(self.maps):
            width = self.width if level == last else 2 * self.width
            self.parts[level].build((None, *size, width))
            if level < last:
                self.down.append(halving.smaller((*size, self.width), f"down_{level}"))
                coarser = (*self.maps[level + 1], dim)
                self.decode.append(halving.larger(coarser, self.width, size, f"decode_{level}"))
                steps = []
                for to in range(level, -1, -1):
                    coarser = (*self.maps[to + 1], dim)
                    steps.append(halving.larger(coarser, dim, self.maps[to], f"up_{level}_{to}"))
                self.up.append(steps)

    def start(self, vectors: Tensor, seed: int = 0) -> None:
        """Start each level's codes, the coarsest first, from maps `(n, ..., width)`.

        Raises:
            ValueError: Vectors are not maps.
        """
        if tuple(vectors.shape[1:]) != (*self.maps[0], self.width):
            raise ValueError(
                f"a hierarchy starts from maps of {(*self.maps[0], self.width)}. "
                f"Received: vectors of {tuple(vectors.shape[1:])}"
            )
        above = None
        for level, h in reversed(list(enumerate(self._maps(vectors)))):
            part = self.parts[level]
            part.adapt(part.project(self._with(h, above, level)), seed + level)
            above = part(self._with(h, above, level))["latent"]

    def codes_of(
        self,
        vectors: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        sample: bool = False,
    ) -> Codes:
        """Return the codes of maps `(batch, ..., width)`, side by side at the finest size.

        Raises:
            ValueError: There is a mask.
        """
        if mask is not None:
            raise ValueError("hierarchies take no mask. Received: one.")
        found: list[Any] = []
        above = None
        for level, h in reversed(list(enumerate(self._maps(vectors)))):
            outputs = self.parts[level](
                self._with(h, above, level), training=training, sample=sample
            )
            above = outputs["latent"]
            found.insert(0, outputs)
        place = vectors[..., 0]
        flat = [ops.reshape(one["indices"], (ops.shape(place)[0], -1)) for one in found]
        loss, signal = (
            of_example(sum(one[key] for one in found), place) for key in ("loss", "signal")
        )
        errors = of_example(sum(one["errors"][:, -1] for one in found), place)
        return Codes(
            vectors=found[0]["pre_quantized"],
            codes=self._joined([one["latent"] for one in found]),
            indices=ops.concatenate(flat, axis=1),
            loss=loss,
            errors=errors[..., None],
            signal=signal,
        )

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the codes of these numbers, `(batch, ..., code_dim)`."""
        codes, start = [], 0
        for part, size in zip(self.parts, self.maps, strict=True):
            count = math.prod(size)
            numbers = ops.reshape(indices[:, start : start + count], (-1, *size))
            codes.append(part.lookup(numbers))
            start += count
        return self._joined(codes)

    def _maps(self, vectors: Tensor) -> list[Tensor]:
        maps = [vectors]
        for network in self.down:
            maps.append(network(maps[-1]))
        return maps

    def _with(self, h: Tensor, above: Tensor | None, level: int) -> Any:
        if above is None:
            return h
        return ops.concatenate([h, self.decode[level](above)], axis=-1)

    def _joined(self, codes: list[Tensor]) -> Tensor:
        parts = [codes[0]]
        for steps, code in zip(self.up, codes[1:], strict=True):
            brought = code
            for network in steps:
                brought = network(brought)
            parts.append(brought)
        return ops.concatenate(parts, axis=-1)
