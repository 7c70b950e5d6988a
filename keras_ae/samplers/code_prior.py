"""What every distribution over the numbers of codes promises."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, final

import keras
import numpy as np
from keras import ops

from keras_ae import arrays
from keras_ae.distributions.noise import Noise
from keras_ae.parts import checked_positive, checked_size
from keras_ae.samplers import second_model
from keras_ae.samplers.sampler import Sampler
from keras_ae.typing import Shape, Tensor

MOST_CODES = 2**16
"""Of a level, that a network gives probabilities of."""


class CodePrior(Sampler):
    """p(k_1, ..., k_n) of the numbers of a discrete model's codes, by a network.

    Numbers are taken in the order of the bottleneck's indices. `log_prob` is in nats: a prior that
    knows nothing has -sum_i log K_i.

    Args:
        epochs: Passes over the codes at most; training ends early when a held-out tenth of them
            has not become more likely for ten.
        batch_size: Codes of a step.
        learning_rate: Of Adam.
    """

    def __init__(
        self, epochs: int = 100, batch_size: int = 128, learning_rate: float = 1e-3
    ) -> None:
        super().__init__()
        self.epochs = checked_size("epochs", epochs)
        self.batch_size = checked_size("batch_size", batch_size)
        self.learning_rate = checked_positive("learning_rate", learning_rate)
        self.index_shape: Shape = ()
        self.noise = Noise()

    # What a distribution defines.

    @abstractmethod
    def make_network(self) -> keras.Model:
        """Return the network for indices of `index_shape`, the largest of `vocabulary` codes."""

    @abstractmethod
    def log_likelihood(self, network: Any, numbers: Tensor, training: bool) -> Tensor:
        """Return log p of rows of numbers `(batch, length)`, or a bound or what trains for it."""

    @abstractmethod
    def draw(self, rows: Any, noise: Any, training: bool) -> Tensor:
        """Return so many rows of numbers, int32 `(rows, length)`."""

    # What all share.

    @property
    def length(self) -> int:
        """How many numbers a row has."""
        return math.prod(self.index_shape)

    @property
    def vocabulary(self) -> int:
        """The largest number of codes of a level."""
        return max(self.sizes)

    def check_model(self, model: Any) -> None:
        """Refuse a model whose codes have no numbers, or too many.

        Raises:
            ValueError: As said.
        """
        name, code = type(self).__name__, model.bottleneck
        if "indices" not in code.reports:
            raise ValueError(
                f"{name} is of the numbers of codes. Received: {type(code).__name__}, whose codes "
                "have none. Take 'flow' or 'gaussian_mixture'."
            )
        if max(code.sizes) > MOST_CODES:
            raise ValueError(
                f"{name} gives a probability of each of at most {MOST_CODES:,} codes. Received: "
                f"{max(code.sizes):,}. Quantize in groups (`GroupedQuantizer`)."
            )

    def make_weights_for(self, model: Any) -> None:
        """Make the network for the model's indices."""
        code = model.bottleneck
        self.index_shape = tuple(code.index_shape)
        self.sizes = tuple(code.sizes) * (self.length // len(code.sizes))
        if getattr(self, "network", None) is None:
            self.network = self.make_network()

    def codes_to_fit(self, model: Any, x: Any, seed: int) -> np.ndarray:
        """Return the numbers of the rows' codes."""
        return np.asarray(model.encode_indices(x))

    def fit_codes(self, model: Any, x: Any, codes: np.ndarray, *, labels: Any, seed: int) -> None:
        """Train the network on rows of numbers.

        Raises:
            ValueError: There are not two rows.
        """
        if len(codes) < 2:
            raise ValueError(
                "a prior over codes needs at least 2 rows, to train on and to hold out. "
                f"Received: {len(codes)}"
            )
        self.make_weights_for(model)
        rows = self._checked_numbers(codes)
        with second_model.seeded(seed):
            network = self.make_network()
            likelihood = Likelihood(self, network)
            likelihood.noise.reset(seed)
            likelihood.compile(keras.optimizers.Adam(self.learning_rate, clipnorm=1.0))
            second_model.fit(likelihood, rows, self.epochs, self.batch_size, seed)
        self.network.set_weights(network.get_weights())

    @final
    def log_prob(self, indices: Any, batch_size: int = 256, seed: int = 0) -> np.ndarray:
        """Return log p of rows of numbers, `(rows,)`, nats.

        Args:
            indices: `(rows, *index_shape)`, each one of its position's codes.
            batch_size: Rows at once.
            seed: Of the orders by which a bound is estimated.

        Raises:
            ValueError: They do not have the indices' shape, a number has no code, or the prior
                was not fitted.
        """
        if getattr(self, "network", None) is None:
            raise ValueError(
                f"a prior must be fitted before it knows probabilities. Received: a new "
                f"{type(self).__name__}. Call its `fit(model, x)`."
            )
        rows = self._checked_numbers(arrays.as_numbers("indices", indices))
        model = Likelihood(self, self.network)
        model.noise.reset_evaluation(seed)
        found = model.predict(rows, checked_size("batch_size", batch_size), verbose=0)
        return np.asarray(found).reshape(-1)

    def _checked_numbers(self, numbers: np.ndarray) -> np.ndarray:
        """Return rows of numbers, int32 `(rows, length)`.

        Raises:
            ValueError: They have another shape, or one has no code.
        """
        arrays.check_entries("indices", numbers, self.index_shape, None)
        rows = numbers.reshape(len(numbers), -1)
        wrong = (rows < 0) | (rows >= np.array(self.sizes)) | (rows % 1 != 0)
        if wrong.any():
            row, place = (int(i) for i in np.argwhere(wrong)[0])
            raise ValueError(
                f"`indices` must be whole numbers from 0 to {self.sizes[place] - 1} at place "
                f"{place} of a row. Received: {rows[row, place]} in row {row}"
            )
        return np.asarray(rows.astype("int32"))

    @final
    def sample(self, shape: Any, noise: Any, training: bool = False, model: Any = None) -> Tensor:
        """Return the codes of numbers that are drawn, `(batch, *latent_shape)`."""
        numbers = self.draw(shape[0], noise, training)
        return model.bottleneck.lookup(ops.reshape(numbers, (-1, *self.index_shape)))

    def is_tempered(self) -> bool:
        """Return False: there is no normal noise."""
        return False

    def of_position(self, logits: Tensor) -> Tensor:
        """Return log-probabilities, without codes that a position does not have.

        Args:
            logits: `(batch, length, vocabulary)`.
        """
        if len(set(self.sizes)) > 1:
            there = np.arange(self.vocabulary) < np.array(self.sizes)[:, None]
            logits = ops.where(ops.convert_to_tensor(there), logits, -1e9)
        return logits - ops.logsumexp(logits, axis=-1, keepdims=True)


class Likelihood(keras.Model):
    """A prior's network as a model whose loss is the negative log-likelihood of its rows.

    Args:
        prior: The prior.
        network: Its network, or one like it.
    """

    def __init__(self, prior: CodePrior, network: keras.Model) -> None:
        super().__init__(name="likelihood")
        # The noise is the model's, or its state would stand still in a compiled step.
        self.network, self.noise = network, prior.noise
        self.__dict__["prior"] = prior
        self.built = True

    def call(self, numbers: Tensor, training: bool = False) -> Tensor:
        """Return log p, `(batch,)`, nats."""
        return self.prior.log_likelihood(self.network, ops.cast(numbers, "int32"), training)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, *args: Any, **options: Any
    ) -> Tensor:
        """Return the mean of -log p."""
        return -ops.mean(y_pred)


def checked_heads(heads: int, width: int) -> int:
    """Return the number of heads of an attention.

    Raises:
        ValueError: It does not divide the width.
    """
    if width % checked_size("heads", heads):
        raise ValueError(
            f"`width` must be a multiple of `heads`. Received: width={width}, heads={heads}"
        )
    return int(heads)


def chosen(log_probs: Tensor, numbers: Tensor) -> Tensor:
    """Return the log-probabilities of numbers `(batch, length)`, as many."""
    hot = ops.arange(log_probs.shape[-1], dtype="int32") == numbers[..., None]
    return ops.sum(ops.where(hot, log_probs, 0.0), axis=-1)


def drawn(log_probs: Tensor, uniform: Tensor) -> Tensor:
    """Return numbers drawn by their log-probabilities `(..., vocabulary)`, int32 `(...)`.

    Args:
        log_probs: Normalised.
        uniform: Draws from [0, 1), `(...)`.
    """
    ends = ops.cumsum(ops.exp(log_probs), axis=-1)
    # Rounding may leave the last end below 1.
    below = ops.cast(ends <= uniform[..., None] * ends[..., -1:], "int32")
    return ops.minimum(ops.sum(below, axis=-1), log_probs.shape[-1] - 1)
