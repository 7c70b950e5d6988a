"""A mixture of normals for each class of the data."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.distributions import gumbel
from keras_ae.distributions.noise import Draws
from keras_ae.parts import checked_size
from keras_ae.samplers.gaussian_mixture import drawn, fitted
from keras_ae.samplers.sampler import Sampler
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.samplers")
class ClassMixtures(Sampler):
    """Normals with full covariances for the codes of each class: a model learns no labels.

    `model.sample(n, label=3)` draws from one class, `model.sample(n)` from all by their shares.

    Args:
        components: Number of normals of a class.
        classes: The labels, in the order of their numbers; known after fitting.

    Reference:
        Ghosh et al. (2020), https://arxiv.org/abs/1903.12436, section 4, for each class.

    Example:
        >>> ClassMixtures(2).components
        2
    """

    def __init__(self, components: int = 3, classes: Any = None) -> None:
        super().__init__()
        self.components = checked_size("components", components)
        self.classes = None if classes is None else list(classes)

    def fit_codes(self, model: Any, x: Any, codes: np.ndarray, *, labels: Any, seed: int) -> None:
        """Keep the components of all classes, and which class each is of.

        Raises:
            ValueError: There are no labels.
        """
        if labels is None:
            raise ValueError(
                f"`labels` must have one label for each of the {len(codes)} rows. Received: None"
            )
        names, numbers = np.unique(labels, return_inverse=True)
        parts = []
        for number in range(len(names)):
            mine = codes[numbers == number]
            log_weights, means, factors = fitted(mine, self.components, seed)
            log_weights = log_weights + np.log(len(mine) / len(codes))
            parts.append((log_weights, means, factors, np.full(len(means), number)))
        log_weights, means, factors, owner = map(np.concatenate, zip(*parts, strict=True))
        self.keep(log_weights=log_weights, means=means, factors=factors, owner=owner)
        self.classes = self.__dict__["_constructor_arguments"]["classes"] = names.tolist()

    def number_of(self, label: Any) -> int:
        """Return a label's number among the classes.

        Raises:
            ValueError: No row had this label.
        """
        known = self.classes or []
        if label not in known:
            raise ValueError(f"`label` must be one of {known}. Received: label={label!r}")
        return known.index(label)

    def sample(
        self,
        shape: Any,
        noise: Draws,
        training: bool = False,
        model: Any = None,
        label: Tensor | None = None,
    ) -> Tensor:
        """Return draws, of the classes with these numbers `(batch,)` where they are given."""
        kept = self.kept
        log_weights = ops.convert_to_tensor(kept["log_weights"])
        uniform = noise.uniform((shape[0], log_weights.shape[0]), training=training)
        if label is not None:
            mine = ops.convert_to_tensor(kept["owner"]) == ops.reshape(label, (-1, 1))
            log_weights = ops.where(mine, log_weights, -1e9)
        chosen = ops.cast(gumbel.category(log_weights, uniform), "int32")
        return drawn(shape, chosen, kept["means"], kept["factors"], noise, training)
