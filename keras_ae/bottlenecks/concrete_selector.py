"""A code that is a choice of the inputs themselves."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.bottlenecks.bottleneck import Bottleneck
from keras_ae.bottlenecks.temperature import Degrees, Temperature
from keras_ae.distributions import gumbel, relaxed_categorical
from keras_ae.distributions.noise import Noise
from keras_ae.parts import checked_size
from keras_ae.typing import Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class ConcreteSelector(Bottleneck):
    """Selects k of the d numbers that it is given: z_i = sum_j m_ij h_j.

    In training each row m_i is a draw of a relaxed one-hot vector, softmax((logits_i + Gumbel
    noise) / temperature), the same for a whole batch; outside of training it is the one-hot
    vector of the largest logit. The temperature is to fall in training, so that the draws become
    choices.

    Args:
        latent_dim: k, how many are selected; two selectors may select one number.
        temperature: Positive, or a Keras schedule over training steps (`Cooling`).
        inputs: How many of the numbers, from the first on, may be selected; all when None.

    Reference:
        Abid et al. (2019), https://arxiv.org/abs/1901.09346, section 3.

    Example:
        >>> import numpy as np
        >>> selector = ConcreteSelector(2)
        >>> selector(np.ones((3, 5), "float32"))["latent"].shape == (3, 2)
        True
    """

    def __init__(
        self, latent_dim: int, temperature: Degrees = 1.0, inputs: int | None = None
    ) -> None:
        super().__init__()
        self.inputs = None if inputs is None else checked_size("inputs", inputs)
        self.latent_shape = (checked_size("latent_dim", latent_dim),)
        self.temperature = Temperature(temperature)
        self.flatten = keras.layers.Flatten("channels_last")
        self.noise = Noise()

    def build(self, h_shape: Any) -> None:
        """Make the logits, `(k, d)`, all near one another."""
        self.flatten.build(h_shape)
        _, size = self.flatten.compute_output_shape(h_shape)
        self.logits = self.add_weight(
            shape=(*self.latent_shape, min(size, self.inputs or size)),
            initializer="glorot_normal",
            dtype="float32",
            autocast=False,
            name="logits",
        )
        self.built = True

    def call(self, h: Tensor, training: bool = False, sample: bool = False) -> Outputs:
        """Return `{"latent": (batch, latent_dim)}`."""
        logits = ops.convert_to_tensor(self.logits)
        flat = ops.cast(self.flatten(h), "float32")[:, : logits.shape[1]]
        if training and sample:
            uniform = self.noise.uniform(tuple(self.logits.shape), training=True)
            chosen = relaxed_categorical.sample(logits, self.temperature(training=True), uniform)
        else:
            chosen = gumbel.one_hot_of_largest(logits)
        return {"latent": ops.matmul(flat, ops.transpose(chosen))}

    def selected(self) -> np.ndarray:
        """Return the numbers of the selected inputs, flattened, one for each number of the code."""
        found: np.ndarray = np.argmax(ops.convert_to_numpy(self.logits), axis=1)
        return found
