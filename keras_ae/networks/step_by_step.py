"""Networks of sequences whose steps are decoded one after another, each knowing those before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ae.backend.scan import scan
from keras_ae.parts import checked_sizes
from keras_ae.typing import Outputs, Shape, Tensor


class StepFeatures(keras.layers.Layer):
    """What dense layers make of each step, then its condition, then whether the step is there.

    Args:
        hidden: Widths of the layers.
        condition_size: Numbers at the end of each step that are a condition.
    """

    def __init__(self, hidden: Sequence[int], condition_size: int = 0) -> None:
        super().__init__(name="step_features")
        self.supports_masking = True
        self.condition_size = condition_size
        self.dense = [
            keras.layers.Dense(width, activation="relu", name=f"hidden_{i}")
            for i, width in enumerate(hidden)
        ]

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        width = input_shape[-1]
        for layer in self.dense:
            layer.build((*input_shape[:-1], width))
            width = layer.units

    def call(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return `(batch, time, width + condition_size + 1)`.

        Args:
            x: Steps with their conditions, `(batch, time, features + condition_size)`.
            mask: Which steps are there, `(batch, time)`, all when None.
        """
        ones = ops.ones_like(x[..., :1])
        present = ones if mask is None else ones * ops.cast(mask, x.dtype)[..., None]
        told, h = x[..., x.shape[-1] - self.condition_size :], x
        for layer in self.dense:
            h = layer(h)
        return ops.concatenate([h, ops.cast(told, h.dtype), ops.cast(present, h.dtype)], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the features."""
        last = self.dense[-1].units if self.dense else input_shape[-1]
        return (*input_shape[:-1], last + self.condition_size + 1)

    def compute_mask(self, x: Any, previous_mask: Any) -> None:
        """Return None: the features say themselves which steps are there."""


class StepDecoder(keras.layers.Layer):
    """Decodes each step from its code and from the memory of the steps before.

    Called with codes alone it goes on by itself: a step's expected data are what the next one
    remembers.

    Args:
        code: The bottleneck of the codes, for its prior and its memory.
        features: The layer that reads a step's data.
        likelihood: For the expected data.
        event_shape: (time steps, features) of an example.
        hidden: Widths of the layers before the last, which is linear.

    Raises:
        ValueError: The likelihood's mean of a step is not that of the whole sequence at the step.
    """

    def __init__(
        self,
        code: Any,
        features: StepFeatures,
        likelihood: Any,
        event_shape: Shape,
        hidden: Sequence[int],
    ) -> None:
        super().__init__(name="step_decoder", autocast=False)
        self.code, self.features, self.likelihood = code, features, likelihood
        steps, width = event_shape
        self.decoded_shape: Shape = likelihood.decoded_shape(event_shape)
        shape = likelihood.decoded_shape((1, width))
        if tuple(self.decoded_shape) != (steps, *shape[1:]):
            raise ValueError(
                "decoding step by step needs a likelihood of independent entries. Received: "
                f"{type(likelihood).__name__}. Take 'gaussian', 'bernoulli' or another of these."
            )
        self.step_shape = tuple(shape)
        self.dense = [
            keras.layers.Dense(size, activation="relu", name=f"hidden_{i}", dtype="float32")
            for i, size in enumerate(hidden)
        ]
        self.last = keras.layers.Dense(math.prod(shape), name="output", dtype="float32")

    def build(self, latent_shape: Any) -> None:
        """Make the weights."""
        width = self.code.embedding.units + self.code.units + self.code.condition_size
        for layer in [*self.dense, self.last]:
            layer.build((None, width))
            width = layer.units

    def call(self, codes: Tensor) -> Tensor:
        """Return `(batch, *decoded_shape)` of codes that are followed by their condition."""
        codes = ops.cast(codes, "float32")
        size = self.code.latent_shape[-1]

        def step(state: Any, now: tuple[Tensor, Tensor]) -> tuple[Any, Tensor]:
            u, condition = now
            mean, log_var = self.code.prior(state, condition)
            z = mean + ops.exp(0.5 * log_var) * u
            decoded = self._decoded(z, state[0], condition)
            given = self.code.told(self._read(decoded, condition))
            return self.code.advance(state, given, z), decoded

        sequences = codes[..., :size], codes[..., size:]
        decoded = scan(step, self.code.first_state(codes), sequences)
        return ops.reshape(decoded, (-1, *self.decoded_shape))

    def at(self, outputs: Outputs) -> Tensor:
        """Return `(batch, *decoded_shape)` of a pass of the bottleneck, of the data's memory."""
        condition = self.code.told(outputs["features"]).condition
        decoded = self._decoded(outputs["z"], outputs["memory"], condition)
        return ops.reshape(decoded, (-1, *self.decoded_shape))

    def compute_output_shape(self, latent_shape: Any) -> Any:
        """Return `(batch, *decoded_shape)`."""
        return (latent_shape[0], *self.decoded_shape)

    def _decoded(self, z: Tensor, memory: Tensor, condition: Tensor) -> Tensor:
        h = ops.concatenate([self.code.embedding(z), memory, condition], axis=-1)
        for layer in self.dense:
            h = layer(h)
        return self.last(h)

    def _read(self, decoded: Tensor, condition: Tensor) -> Tensor:
        """Return the features of a step's expected data."""
        expected = self.likelihood.mean(ops.reshape(decoded, (-1, *self.step_shape)))
        x = self.likelihood.encoder_input(expected)[:, 0]
        found = self.features(ops.concatenate([x, condition], axis=-1)[:, None])
        return ops.cast(found[:, 0], "float32")


def networks(
    event_shape: Any, hidden: Any, code: Any, likelihood: Any
) -> dict[str, keras.layers.Layer]:
    """Return `encoder` and `decoder` of sequences; the arguments are theirs.

    Raises:
        ValueError: The shape is not (time steps, features).
    """
    shape = checked_sizes("input_shape", event_shape)
    if len(shape) != 2:
        raise ValueError(
            f"a sequence must have the shape (time steps, features). Received: input_shape={shape}"
        )
    hidden = checked_sizes("hidden", hidden)
    features = StepFeatures(hidden, code.condition_size)
    return {
        "encoder": features,
        "decoder": StepDecoder(code, features, likelihood, shape, hidden[::-1]),
    }
