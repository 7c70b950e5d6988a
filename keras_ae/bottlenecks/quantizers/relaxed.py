"""Quantizers that draw a code in training, relaxed, so that gradients reach what draws it."""

from __future__ import annotations

import math
from abc import abstractmethod

import keras
import numpy as np
from keras import ops

from keras_ae.bottlenecks.quantizers.clustering import centres
from keras_ae.bottlenecks.quantizers.nearest import lowest
from keras_ae.bottlenecks.quantizers.quantizer import Codes, Quantizer, squared_distance, taken
from keras_ae.bottlenecks.quantizers.vector import checked_codebook
from keras_ae.bottlenecks.temperature import Degrees, Temperature
from keras_ae.distributions import gumbel, relaxed_categorical
from keras_ae.distributions.noise import Noise
from keras_ae.parts import checked_claim, checked_non_negative, checked_size
from keras_ae.typing import Tensor


class RelaxedQuantizer(Quantizer):
    """Codes are drawn by q(k | x) in training, as weighted means: y = softmax((logits + g) / T).

    Outside of training a draw is a single code, and without one the likeliest code is taken.

    Args:
        num_codes: Size of the codebook K, at least 2.
        code_dim: Length of a code.
        weight: Weight of the loss.
        temperature: T, positive, or a Keras schedule over training steps.
        straight_through: Whether the code in training is a single one too, with the gradient of the
            weighted mean.
        tokens: Number of code vectors when the features are a flat vector.
    """

    relaxes = True

    def __init__(
        self,
        num_codes: int,
        code_dim: int,
        weight: float = 1.0,
        temperature: Degrees = 1.0,
        straight_through: bool = False,
        tokens: int = 16,
    ) -> None:
        super().__init__(tokens)
        checked_codebook(num_codes, 0.0, 0.0)
        self.code_dim, self.sizes = checked_size("code_dim", code_dim), (num_codes,)
        self.weight = checked_non_negative("weight", weight)
        self.temperature = Temperature(temperature)
        self.straight_through = checked_claim("straight_through", straight_through)
        self.noise = Noise()

    def build_codes(self) -> None:
        """Make the codebook, which gradients move."""
        self.codebook = self.add_weight(
            name="codebook",
            shape=(self.sizes[0], self.code_dim),
            initializer=keras.initializers.RandomNormal(stddev=self.code_dim**-0.5),
            dtype="float32",
            autocast=False,
        )

    @abstractmethod
    def logits(self, vectors: Tensor) -> Tensor:
        """Return log q(k | x) up to a constant, `(batch, ..., num_codes)`."""

    @abstractmethod
    def rate(self, vectors: Tensor, logits: Tensor) -> Tensor:
        """Return the loss of each vector, `(batch, ...)`, nats."""

    def compared(self, vectors: Tensor, codes: Tensor) -> Tensor:
        """Return what the codes stand for, of their length; the codes where there is no such."""
        return vectors

    def codes_of(
        self,
        vectors: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
        sample: bool = False,
    ) -> Codes:
        """Return codes of vectors `(batch, ..., width)`, drawn or the likeliest."""
        logits = self.logits(vectors)
        codebook = ops.convert_to_tensor(self.codebook)
        loss = self.weight * self.rate(vectors, logits)
        if sample or training:
            uniform = self.noise.uniform(ops.shape(logits), training=training)
            indices = ops.cast(gumbel.category(logits, uniform), "int32")
        else:
            indices = lowest(-logits)
        if training:
            soft = relaxed_categorical.sample(logits, self.temperature(training=True), uniform)
            codes = ops.matmul(soft, codebook)
            if self.straight_through:
                hard = ops.take(codebook, indices, axis=0)
                codes = hard + (codes - ops.stop_gradient(codes))
        else:
            codes = ops.take(codebook, indices, axis=0)
        compared = ops.stop_gradient(self.compared(vectors, codes))
        errors = squared_distance(compared, ops.stop_gradient(codes))[..., None]
        return Codes(compared, codes, indices, loss, errors)

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the codes of these numbers, `(batch, ..., code_dim)`."""
        return taken(self.codebook, indices)


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class GumbelQuantizer(RelaxedQuantizer):
    """The features are logits of a distribution over codes, which are drawn.

    The loss of a vector is weight * KL(q(k | x) || uniform), nats. See `RelaxedQuantizer` for the
    arguments.

    Reference:
        Jang et al. (2017), https://arxiv.org/abs/1611.01144, equation 2; Ramesh et al. (2021),
        https://arxiv.org/abs/2102.12092, section 2.1: the dVAE.

    Example:
        >>> import numpy as np
        >>> GumbelQuantizer(16, 4)(np.ones((2, 9, 5)))["indices"].shape == (2, 9)
        True
    """

    @property
    def width_of_vectors(self) -> int:
        """Length of what is quantized: a logit for each code."""
        return self.sizes[0]

    def logits(self, vectors: Tensor) -> Tensor:
        """Return the vectors."""
        return vectors

    def rate(self, vectors: Tensor, logits: Tensor) -> Tensor:
        """Return KL(q(k | x) || uniform), `(batch, ...)`, nats."""
        return relaxed_categorical.kl_uniform(logits)

    def compared(self, vectors: Tensor, codes: Tensor) -> Tensor:
        """Return the codes: there is no other vector."""
        return codes


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class StochasticQuantizer(RelaxedQuantizer):
    """Codes are drawn near the vector: q(k | z) is in proportion to exp(-|z - e_k|^2 / 2 s^2).

    The variance s^2 is learned: it falls as the codes fit, and draws become the nearest code. The
    loss of a vector is weight * (E_q |z - e_k|^2 / 2 s^2 - H(q) + log K), nats, which is
    log K - log sum_k exp(-|z - e_k|^2 / 2 s^2). See `RelaxedQuantizer` for the arguments.

    Args:
        variance: Where s^2 starts, positive.

    Reference:
        Takida et al. (2022), https://arxiv.org/abs/2205.07547, section 4.1: the Gaussian form with
        one variance for all. Its codes are drawn by a vector with noise added; here, as in the
        authors' program, by the vector itself.

    Example:
        >>> StochasticQuantizer(16, 4).num_codes
        16
    """

    def __init__(
        self,
        num_codes: int,
        code_dim: int,
        weight: float = 1.0,
        temperature: Degrees = 1.0,
        straight_through: bool = False,
        variance: float = 1.0,
        tokens: int = 16,
    ) -> None:
        super().__init__(num_codes, code_dim, weight, temperature, straight_through, tokens)
        if not variance > 0:
            raise ValueError(f"`variance` must be positive. Received: variance={variance}")
        self.variance = variance

    def build_codes(self) -> None:
        """Make the codebook and log s^2."""
        super().build_codes()
        self.log_variance = self.add_weight(
            name="log_variance",
            shape=(),
            initializer=keras.initializers.Constant(math.log(self.variance)),
            dtype="float32",
            autocast=False,
        )

    def start(self, vectors: Tensor, seed: int = 0) -> None:
        """Start the codebook at the k-means centres, and s^2 at the squared distance from these."""
        points = np.reshape(ops.convert_to_numpy(vectors), (-1, self.code_dim))
        found, _ = centres(points, self.sizes[0], seed)
        self.codebook.assign(found.astype("float32"))
        chosen = self.lookup(lowest(-self.logits(vectors)))
        error = float(ops.convert_to_numpy(ops.mean(ops.square(vectors - chosen))))
        self.log_variance.assign(math.log(max(error, 1e-6)))

    def logits(self, vectors: Tensor) -> Tensor:
        """Return -|z - e_k|^2 / 2 s^2, `(batch, ..., num_codes)`."""
        codebook = ops.convert_to_tensor(self.codebook)
        centre = ops.mean(codebook, axis=0)
        points, codes = vectors - centre, codebook - centre
        squares = ops.sum(ops.square(points), axis=-1, keepdims=True)
        distances = squares + ops.sum(ops.square(codes), axis=-1)
        distances = distances - 2.0 * ops.matmul(points, ops.transpose(codes))
        return -0.5 * ops.maximum(distances, 0.0) * ops.exp(-self.log_variance)

    def rate(self, vectors: Tensor, logits: Tensor) -> Tensor:
        """Return log K - log sum_k exp(logits), `(batch, ...)`, nats."""
        return math.log(self.sizes[0]) - ops.logsumexp(logits, axis=-1)
