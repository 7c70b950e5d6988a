"""Codebooks: vectors that follow what is assigned to them, by moving averages or by gradients."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.backend.distributed import of_first_replica
from keras_ae.backend.whole_batch import over_batch
from keras_ae.bottlenecks.quantizers.clustering import centres
from keras_ae.bottlenecks.quantizers.nearest import nearest
from keras_ae.distributions.noise import Noise
from keras_ae.parts import Part
from keras_ae.typing import Tensor


class Codebook(Part):
    """`num_codes` vectors, and how often each was used.

    Args:
        num_codes: Number of codes K, at least 2.
        code_dim: Length of a code.
        decay: gamma of the moving averages, in [0, 1).
        dead_code_threshold: A code used less than this share of the mean use is put onto a random
            vector of the batch; 0 never does.
    """

    learns: bool = False
    """Whether gradients move the codes."""

    def __init__(
        self, num_codes: int, code_dim: int, *, decay: float, dead_code_threshold: float
    ) -> None:
        super().__init__()
        self.num_codes, self.code_dim = num_codes, code_dim
        self.decay, self.dead_code_threshold = decay, dead_code_threshold
        self.noise = Noise()

    def build(self, input_shape: Any = None) -> None:
        """Make the codes, drawn from N(0, 1 / code_dim), each with a count of one."""
        self.counts = self.state("counts", (self.num_codes,), "ones")
        self.make(keras.initializers.RandomNormal(stddev=self.code_dim**-0.5))
        self.built = True

    def state(self, name: str, shape: Any, initializer: Any, trainable: bool = False) -> Any:
        """Return a new float32 weight."""
        given = {"shape": shape, "initializer": initializer, "trainable": trainable}
        return self.add_weight(name=name, dtype="float32", autocast=False, **given)

    @abstractmethod
    def make(self, initializer: Any) -> None:
        """Make the weights of the codes."""

    @property
    @abstractmethod
    def vectors(self) -> Tensor:
        """The codes, `(num_codes, code_dim)`, float32."""

    @abstractmethod
    def put(self, codes: np.ndarray, counts: np.ndarray) -> None:
        """Set the codes, and counts of mean one."""

    @abstractmethod
    def moved(self, used: Tensor, total: Tensor, counts: Tensor) -> Tensor | None:
        """Return what becomes of the state that holds codes, None if it stays.

        Args:
            used: Vectors assigned to each code, `(num_codes,)`.
            total: Their sums, `(num_codes, code_dim)`.
            counts: The new counts.
        """

    @abstractmethod
    def replace(self, moved: Tensor | None, dead: Tensor, fresh: Tensor, mean: Tensor) -> None:
        """Set the state that holds codes, the dead ones to fresh vectors that count as the mean."""

    def nearest(self, points: Tensor) -> Tensor:
        """Return the index of the nearest code of each row `(n, code_dim)`, int32 `(n,)`."""
        return nearest(points, self.vectors)

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the codes of these indices, `(..., code_dim)`."""
        return ops.take(self.vectors, indices, axis=0)

    def follow(self, points: Tensor, indices: Tensor, mask: Tensor | None = None) -> None:
        """Move the averages towards the points assigned to each code.

        Args:
            points: `(n, code_dim)`.
            indices: Of their codes, `(n,)`.
            mask: 1 where a point counts, `(n,)` float32.
        """
        points = ops.stop_gradient(points)
        # Not `one_hot`, which reads the indices on torch, so that a step could not be traced.
        codes = ops.arange(self.num_codes, dtype=indices.dtype)
        assigned = ops.cast(ops.equal(codes[:, None], indices), "float32")
        if mask is not None:
            assigned = assigned * mask
            points = ops.where(mask[:, None] > 0, points, 0.0)
        total = ops.matmul(assigned, points)
        rows = [points] if mask is None else [points, mask]
        over_batch(self._move, [ops.sum(assigned, axis=1), total], rows)

    def _move(
        self, used: Tensor, total: Tensor, points: Tensor, mask: Tensor | None = None
    ) -> None:
        counts = self.decay * self.counts + (1.0 - self.decay) * used
        moved = self.moved(used, total, counts)
        mean = ops.mean(counts)
        dead = counts < self.dead_code_threshold * mean
        if self.dead_code_threshold > 0:
            if mask is not None:
                # The same on all replicas, whose codebooks would go apart.
                dead = ops.logical_and(dead, of_first_replica(ops.sum(mask)) > 0)
            picks = self._picks(points, mask)
            fresh = of_first_replica(ops.take(points, picks, axis=0))
            self.counts.assign(ops.where(dead, mean, counts))
            self.replace(moved, dead[:, None], fresh, mean)
        else:
            self.counts.assign(counts)
            self.replace(moved, ops.zeros_like(dead)[:, None], ops.zeros_like(total), mean)

    def _picks(self, points: Tensor, mask: Tensor | None) -> Tensor:
        """Return rows at random, one for each code, of those that count."""
        shape = (self.num_codes,)
        if mask is None:
            return self.noise.integers(shape, ops.shape(points)[0], training=True)
        places = ops.cumsum(mask)
        picks = ops.cast(self.noise.integers(shape, ops.sum(mask), training=True), "float32")
        before = ops.cast(places[None, :] <= picks[:, None], "int32")
        return ops.minimum(ops.sum(before, axis=1), ops.shape(points)[0] - 1)

    def start_at(self, points: Any, seed: int = 0) -> None:
        """Put the codes onto the k-means centres of `points`, `(n, code_dim)`."""
        codes, counts = centres(points, self.num_codes, seed)
        # Counts of mean one, as at the start: the averages then follow the first batches quickly.
        self.put(codes, counts / counts.mean())


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class AveragedCodebook(Codebook):
    """Codes that are the moving averages of what was assigned to them.

    The state is (sums, counts) alone and a code is sums / counts: both decay together, so a code
    that is not used stays where it is instead of shrinking or exploding.

    Reference:
        van den Oord et al. (2017), https://arxiv.org/abs/1711.00937, appendix A.1, equations 6-8.
    """

    def make(self, initializer: Any) -> None:
        """Make the sums."""
        self.sums = self.state("sums", (self.num_codes, self.code_dim), initializer)

    @property
    def vectors(self) -> Tensor:
        """The codes, `(num_codes, code_dim)`, float32."""
        return ops.stop_gradient(self.sums / self.counts[:, None])

    def put(self, codes: np.ndarray, counts: np.ndarray) -> None:
        """Set the codes, and counts of mean one."""
        self.counts.assign(counts.astype("float32"))
        self.sums.assign((codes * counts[:, None]).astype("float32"))

    def moved(self, used: Tensor, total: Tensor, counts: Tensor) -> Tensor:
        """Return the sums after the step (equation 7)."""
        return self.decay * self.sums + (1.0 - self.decay) * total

    def replace(self, moved: Tensor | None, dead: Tensor, fresh: Tensor, mean: Tensor) -> None:
        """Set the sums; with the counts, or a fresh code would move away again at the next step."""
        self.sums.assign(ops.where(dead, mean * fresh, moved))


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class LearnedCodebook(Codebook):
    """Codes that gradients move, towards what was assigned to them.

    A code is a trained vector plus an offset, which a dead code moves by: what an optimizer holds
    is not written over.

    Reference:
        van den Oord et al. (2017), https://arxiv.org/abs/1711.00937, equation 3, second term.
    """

    learns = True

    def make(self, initializer: Any) -> None:
        """Make the vectors."""
        shape = (self.num_codes, self.code_dim)
        self.codes = self.state("codes", shape, initializer, trainable=True)
        self.offset = self.state("offset", shape, "zeros")

    @property
    def vectors(self) -> Tensor:
        """The codes, `(num_codes, code_dim)`, float32, with a gradient."""
        return self.codes + self.offset

    def put(self, codes: np.ndarray, counts: np.ndarray) -> None:
        """Set the codes, and counts of mean one."""
        self.counts.assign(counts.astype("float32"))
        self.codes.assign(codes.astype("float32"))
        self.offset.assign(np.zeros(codes.shape, "float32"))

    def moved(self, used: Tensor, total: Tensor, counts: Tensor) -> None:
        """Return None: the optimizer moves the codes."""

    def replace(self, moved: Tensor | None, dead: Tensor, fresh: Tensor, mean: Tensor) -> None:
        """Set the offsets of dead codes."""
        stay = ops.convert_to_tensor(self.offset)
        self.offset.assign(ops.where(dead, fresh - self.codes, stay))
