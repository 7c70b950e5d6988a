"""Random numbers whose state trains, saves and resumes with the model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.backend import script
from keras_ae.parts import Part
from keras_ae.typing import Tensor


class Draws:
    """What can be asked of a source of random numbers, by its `draw(kind, shape, training)`."""

    @abstractmethod
    def draw(self, kind: str, shape: Any, training: bool) -> Tensor:
        """Return the next draw of a kind, "normal" or "uniform", float32."""

    def normal(self, shape: Any, dtype: str = "float32", training: bool = False) -> Tensor:
        """Return independent draws of N(0, 1)."""
        # Half precision has too few distinct uniforms for the tails: draw in float32.
        return ops.cast(script.draw(self, "normal", shape, training), dtype)

    def uniform(self, shape: Any, dtype: str = "float32", training: bool = False) -> Tensor:
        """Return independent draws from [0, 1)."""
        return ops.cast(script.draw(self, "uniform", shape, training), dtype)

    def integers(self, shape: Any, high: Tensor, training: bool = False) -> Tensor:
        """Return independent draws from {0, ..., high - 1}, int32; `high` may be a tensor."""
        draw = self.uniform(shape, training=training)
        count = ops.cast(high, "int32")
        index = ops.cast(ops.floor(draw * ops.cast(count, "float32")), "int32")
        return ops.minimum(index, count - 1)


@keras.saving.register_keras_serializable("keras_ae")
class Noise(Draws, Part):
    """Draws random tensors from one state for training and another for evaluation.

    Evaluation has a state of its own so that measuring a loss with a stated seed leaves the
    training sequence alone. Keras does not save the state of a `SeedGenerator`; this layer does,
    so that a resumed training goes on with the noise that it would have drawn.

    Example:
        >>> Noise().normal((2, 3)).shape == (2, 3)
        True
    """

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.training_seed = keras.random.SeedGenerator()
        self.evaluation_seed = keras.random.SeedGenerator()
        self.built = True

    def reset(self, seed: int) -> None:
        """Start both sequences again from `seed`.

        Raises:
            ValueError: The seed is not a whole number from 0 to 2^32 - 1.
        """
        self.reset_evaluation(seed)
        _begin(self.training_seed, seed)

    def reset_evaluation(self, seed: int) -> None:
        """Start the evaluation sequence again from `seed`.

        Raises:
            ValueError: The seed is not a whole number from 0 to 2^32 - 1.
        """
        if isinstance(seed, bool) or not hasattr(seed, "__index__") or not 0 <= seed < 2**32:
            raise ValueError(
                f"`seed` must be a whole number from 0 to {2**32 - 1}. Received: seed={seed!r}"
            )
        _begin(self.evaluation_seed, seed)

    def save_own_variables(self, store: Any) -> None:
        """Write both states."""
        for key, generator in self._generators().items():
            store[key] = ops.convert_to_numpy(generator.state)

    def load_own_variables(self, store: Any) -> None:
        """Read both states."""
        for key, generator in self._generators().items():
            generator.state.assign(ops.convert_to_tensor(store[key], dtype=generator.state.dtype))

    def draw(self, kind: str, shape: Any, training: bool) -> Tensor:
        """Return the next draw of a kind, "normal" or "uniform", float32."""
        function = keras.random.normal if kind == "normal" else keras.random.uniform
        return function(shape, dtype="float32", seed=self._seed(training))

    def _seed(self, training: bool) -> keras.random.SeedGenerator:
        return self.training_seed if training else self.evaluation_seed

    def _generators(self) -> dict[str, keras.random.SeedGenerator]:
        return {"training": self.training_seed, "evaluation": self.evaluation_seed}


def _begin(generator: keras.random.SeedGenerator, seed: int) -> None:
    generator.state.assign(ops.convert_to_tensor([seed, 0], dtype=generator.state.dtype))


def seed_of(seed: int | None) -> int:
    """Return a seed, or for None a fresh one."""
    return int(np.random.default_rng().integers(2**31)) if seed is None else seed


class FromOneState(Draws):
    """The draws of a source from one of its states, for what does not ask for one.

    Args:
        noise: The source.
        training: Whether the state is that of training.
    """

    def __init__(self, noise: Draws, training: bool) -> None:
        self._noise, self._training = noise, training

    def draw(self, kind: str, shape: Any, training: bool) -> Tensor:
        """Return the next draw of the source."""
        return self._noise.draw(kind, shape, self._training)


def start_evaluation(model: Any, seed: int | None) -> None:
    """Let all of a model's noise begin its evaluation from a seed, a fresh one when None."""
    seed = seed_of(seed)
    for layer in model._flatten_layers():
        if isinstance(layer, Noise):
            layer.reset_evaluation(seed)


class GivenNoise(Draws):
    """Noise that is not drawn but given, in the order in which it is asked for.

    Args:
        tensors: Each draw, `(batch, ...)` float32.
    """

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._tensors = iter(tensors)

    def draw(self, kind: str, shape: Any, training: bool) -> Tensor:
        """Return the next of the given tensors."""
        return next(self._tensors)


class CountedNoise(Draws):
    """Noise that is zero and writes down what was asked for.

    Attributes:
        draws: Kind and shape of each draw.
    """

    def __init__(self) -> None:
        self.draws: list[tuple[str, tuple[int, ...]]] = []

    def draw(self, kind: str, shape: Any, training: bool) -> Tensor:
        """Return zeros."""
        self.draws.append((kind, tuple(shape)))
        return ops.zeros(shape, "float32")
