"""New examples: codes from a model's prior or its sampler, decoded."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from keras_ae.distributions.noise import Noise
from keras_ae.parts import checked_positive, checked_size
from keras_ae.typing import Tensor

ROWS = 2**14
"""Examples whose noise is made at once."""


class Sampling:
    """Examples from the prior, or from a sampler that was fitted to the codes.

    Noise is drawn row by row, in an order that does not depend on the size of batches; codes and
    examples are functions of it, computed in compiled batches.
    """

    @property
    def source(self: Any) -> Any:
        """What codes are drawn from: the sampler if there is one, else the prior, or None."""
        return self.prior if self.sampler is None else self.sampler

    def use_sampler(self: Any, sampler: Any) -> None:
        """Draw from a fitted sampler from now on, or for None from the prior; it is saved."""
        self._tracker.unlock()
        if self.sampler is not None:
            self._layers.remove(self.sampler)  # an attribute that is replaced stays tracked
        self.sampler = sampler
        self.views.forget(sampled)
        self.__dict__["_constructor_arguments"]["sampler"] = sampler

    def sample(
        self: Any,
        n: int,
        *,
        seed: int | None = None,
        temperature: float = 1.0,
        label: Any = None,
        batch_size: int | None = None,
    ) -> Any:
        """Return E[p(x | z)] for `n` codes of the prior or the sampler, `(n, *event_shape)`.

        Args:
            n: Number of examples.
            seed: Of the noise; fresh noise when None.
            temperature: What normal noise is multiplied by: below 1 examples are more typical and
                less diverse.
            label: The class to draw, for a sampler of classes, or one for each example.
            batch_size: Examples that are computed at once, chosen by their arithmetic when None.

        Raises:
            ValueError: The model has nothing to sample from, or `n` is not at least 1.
        """
        if self.source is None:
            raise ValueError(
                f"sampling needs a prior. Received: `{self.variant}` has no prior to sample from. "
                "Fit a sampler from `keras_ae.samplers`, or pass `prior='standard_normal'`."
            )
        n, temperature = checked_size("n", n), checked_positive("temperature", temperature)
        self.normalizer.check_adapted()
        if batch_size is not None:
            batch_size = checked_size("batch_size", batch_size)
        noise, draws = Noise(), self.prior_noise()
        fresh = int(np.random.default_rng().integers(2**31))
        noise.reset_evaluation(fresh if seed is None else seed)
        labels = None if label is None else _labels(self, label, n)
        drawn = []
        for start in range(0, n, ROWS):
            rows = min(ROWS, n - start)
            given: dict[str, Any] = {}
            for index, (kind, shape) in enumerate(draws):
                made = ops.convert_to_numpy(getattr(noise, kind)((rows, *shape)))
                given[f"{index:04}"] = made * temperature if kind == "normal" else made
            if labels is not None:
                given["label"] = labels[start : start + rows]
            drawn.append(self.views.rows(sampled, draws=False)(given, batch_size))
        return np.concatenate(drawn)


def sampled(model: Any, given: dict[str, Tensor]) -> Tensor:
    """Return the examples of rows of noise, and perhaps of their classes."""
    noise = [given[key] for key in sorted(given) if key != "label"]
    return model.sample_tensor(*noise, label=given.get("label"))


def _labels(model: Any, label: Any, n: int) -> np.ndarray:
    """Return the numbers of classes, `(n,)`.

    Raises:
        ValueError: The sampler knows no classes, or not this one, or there are not `n`.
    """
    number_of = getattr(model.sampler, "number_of", None)
    if number_of is None:
        raise ValueError(
            "`label` needs a sampler of classes. Received: "
            f"{type(model.source).__name__}. Fit `keras_ae.samplers.ClassMixtures`."
        )
    labels = np.asarray(label)
    if labels.ndim == 0:
        return np.full(n, number_of(labels.item()), "int32")
    if labels.shape != (n,):
        raise ValueError(
            f"`label` must be one class, or one for each of {n} examples. "
            f"Received: shape {labels.shape}"
        )
    return np.array([number_of(one) for one in labels.tolist()], "int32")
