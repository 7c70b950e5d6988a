"""A prior over the numbers of codes that fills in what is masked, many at once."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keras_ae.distributions import gumbel
from keras_ae.networks import transformer
from keras_ae.parts import checked_non_negative, checked_share, checked_size
from keras_ae.samplers.code_prior import CodePrior, checked_heads, chosen, drawn
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.samplers")
class MaskedTransformer(CodePrior):
    """A transformer that tells masked numbers from the others; draws are made in few rounds.

    In training the share of masked numbers is cos(pi u / 2), u even. A draw begins with all masked;
    in each round all masked numbers are drawn, and those with the least probability, plus Gumbel
    noise that fades, are masked again: ceil(n cos(pi t / 2 T)) of n. `log_prob` is a bound: of the
    model that takes numbers in any order, of which each training step is one.

    Args:
        width: Of the layers.
        depth: Number of layers.
        heads: Of each attention; the width must be a multiple.
        rounds: T, in which a draw is made.
        choice: How much noise decides which numbers stay, not negative.
        orders: Shares of masked numbers by which the bound is estimated.
        dropout: Share of what layers add that is left out in training.
        epochs: Passes over the codes at most.
        batch_size: Codes of a step.
        learning_rate: Of Adam.

    Reference:
        Chang et al. (2022), https://arxiv.org/abs/2202.04200, sections 3.1 to 3.3; Hoogeboom et al.
        (2022), https://arxiv.org/abs/2110.02037, equation 7, for the bound. Training takes the mean
        over a row's masked numbers, where equation 1 of the former sums over them.

    Example:
        >>> MaskedTransformer(width=64, rounds=8).rounds
        8
    """

    def __init__(
        self,
        width: int = 128,
        depth: int = 4,
        heads: int = 4,
        rounds: int = 12,
        choice: float = 4.5,
        orders: int = 16,
        dropout: float = 0.1,
        epochs: int = 100,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
    ) -> None:
        super().__init__(epochs, batch_size, learning_rate)
        self.width, self.depth = checked_size("width", width), checked_size("depth", depth)
        self.heads, self.rounds = checked_heads(heads, width), checked_size("rounds", rounds)
        self.choice = checked_non_negative("choice", choice)
        self.orders = checked_size("orders", orders)
        self.dropout = checked_share("dropout", dropout, whole=False)

    def make_network(self) -> keras.Model:
        """Return the network, for numbers and what stands for a masked one."""
        return transformer.of_tokens(
            self.length,
            self.vocabulary + 1,
            self.vocabulary,
            width=self.width,
            depth=self.depth,
            heads=self.heads,
            causal=False,
            dropout=self.dropout,
        )

    def log_likelihood(self, network: Any, numbers: Tensor, training: bool) -> Tensor:
        """Return the mean log p of masked numbers times all, or a bound on log p, `(batch,)`."""
        if training:
            u = self.noise.uniform((ops.shape(numbers)[0], 1), training=True)
            few = ops.ceil(ops.cos(0.5 * math.pi * u) * self.length)
            return self._of_masked(network, numbers, ops.maximum(few, 1.0), True)
        rows = ops.shape(numbers)[0]
        u = self.noise.uniform((rows, self.orders))
        share = (u + ops.arange(self.orders, dtype="float32")) / self.orders
        few = ops.minimum(ops.floor(share * self.length) + 1.0, float(self.length))
        copies = ops.repeat(numbers, self.orders, axis=0)
        each = self._of_masked(network, copies, ops.reshape(few, (-1, 1)), False)
        return ops.mean(ops.reshape(each, (-1, self.orders)), axis=1)

    def draw(self, rows: Any, noise: Any, training: bool) -> Tensor:
        """Return so many rows of numbers, int32 `(rows, length)`."""
        shape = (rows, self.rounds, self.length)
        uniform, apart = (noise.uniform(shape, training=training) for _ in range(2))
        numbers = ops.cast(0.0 * uniform[:, 0], "int32") + self.vocabulary
        for t in range(self.rounds):
            log_probs = self.of_position(self.network(numbers))
            masked = numbers == self.vocabulary
            made = ops.where(masked, drawn(log_probs, uniform[:, t]), numbers)
            done = (t + 1) / self.rounds
            left = math.ceil(self.length * math.cos(0.5 * math.pi * done) - 1e-9)
            sure = chosen(log_probs, made)
            sure = sure + self.choice * (1.0 - done) * gumbel.noise(apart[:, t])
            sure = ops.where(masked, sure, math.inf)
            numbers = ops.where(_least(sure, left), self.vocabulary, made)
        return numbers

    def _of_masked(self, network: Any, numbers: Tensor, few: Tensor, training: bool) -> Tensor:
        """Return length / few times the sum of log p of so many masked numbers, `(batch,)`."""
        order = self.noise.uniform(ops.shape(numbers), training=training)
        places = ops.cast(ops.argsort(ops.argsort(order, axis=1), axis=1), "float32")
        masked = places < few
        given = ops.where(masked, self.vocabulary, numbers)
        log_probs = self.of_position(network(given, training=training))
        each = ops.where(masked, chosen(log_probs, numbers), 0.0)
        return self.length * ops.sum(each, axis=1) / few[:, 0]


def _least(values: Tensor, count: int) -> Tensor:
    """Return where the so many least of each row are."""
    if count == 0:
        return values < -math.inf
    bound = ops.sort(values, axis=1)[:, count - 1 : count]
    return values <= bound
