"""New examples: codes from a model's prior or its sampler, decoded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_ae import conditioning
from keras_ae.distributions.noise import Noise, seed_of
from keras_ae.parts import checked_positive, checked_size, unlocked
from keras_ae.priors import Source
from keras_ae.typing import Shape, Tensor

ROWS, NUMBERS = 2**14, 2**25
"""Examples whose noise is made at once at most, and numbers of noise."""

BLOCK = 256
"""Rows of noise that are drawn together, also where fewer are needed.

How many numbers are drawn changes what the first of them are (on PyTorch)."""


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
        """Draw from a fitted sampler from now on, or for None from the prior; it is saved.

        Raises:
            TypeError: `sampler` is neither None nor one of `keras_ae.samplers`.
            ValueError: It was not fitted, or not to codes like the model's.
        """
        if sampler is not None:
            if not isinstance(sampler, Source):
                raise TypeError(
                    "`sampler` must be one of `keras_ae.samplers` that was fitted, or None. "
                    f"Received: {sampler!r}"
                )
            sampler.attach(self)
            sampler.check_ready(self)
        with unlocked(self):
            if self.sampler is not None:
                self._tracker.untrack(self.sampler)  # an attribute that is replaced stays tracked
            self.sampler = sampler
        for function in (sampled, sampled_data):
            self.views.forget(function)
        self.__dict__["_constructor_arguments"]["sampler"] = sampler

    def sample(
        self: Any,
        n: int,
        *,
        seed: int | None = None,
        temperature: float | Sequence[float] = 1.0,
        label: Any = None,
        condition: Any = None,
        observed: bool = False,
        batch_size: int | None = None,
    ) -> Any:
        """Return E[p(x | z)] for `n` codes of the prior or the sampler, `(n, *event_shape)`.

        Args:
            n: Number of examples.
            seed: Of the noise; fresh noise when None.
            temperature: What normal noise is multiplied by: below 1 examples are more typical and
                less diverse. Of a hierarchy also one for each level, the top one first.
            label: The class to draw, for a sampler of classes, or one for each example.
            condition: Of a model that takes one: one for all examples, or one for each.
            observed: Whether examples are draws of p(x | z), as data are observed (whole counts,
                categories, noise), and not its mean.
            batch_size: Examples that are computed at once, chosen by their arithmetic when None.

        Raises:
            ValueError: The model has nothing to sample from, `n` is not at least 1, a temperature
                is given that would do nothing, or a condition is lacking or wrong.
        """
        n, factor = checked_size("n", n), _factor(self, temperature)
        _check_source(self, temperature)
        self.normalizer.check_adapted()
        if batch_size is not None:
            batch_size = checked_size("batch_size", batch_size)
        noise, draws = Noise(), self.prior_noise()
        of_codes = len(draws)
        draws += self.likelihood_noise() if observed else []
        noise.reset_evaluation(seed_of(seed))
        told: dict[str, Any] = {} if label is None else {"label": _labels(self, label, n)}
        conditions = conditioning.conditions_of(condition, self.condition, n)
        told |= {} if conditions is None else {"condition": conditions}
        drawn = []
        numbers = sum(math.prod(shape) for _, shape in draws)
        together = max(1, min(ROWS, NUMBERS // max(1, numbers)) // BLOCK) * BLOCK
        for start in range(0, n, together):
            rows = min(together, n - start)
            given = {name: values[start : start + rows] for name, values in told.items()}
            for index, made in enumerate(_rows(noise, draws, rows)):
                cools = draws[index][0] == "normal" and index < of_codes
                given[f"{index:04}"] = made * factor if cools else made
            function = sampled_data if observed else sampled
            drawn.append(self.views.rows(function, draws=False)(given, batch_size))
        return np.concatenate(drawn)


def sampled(model: Any, given: dict[str, Tensor]) -> Tensor:
    """Return the examples of rows of noise, and perhaps of their classes and conditions."""
    return model.sample_tensor(*_noise(given), **_told(given))


def sampled_data(model: Any, given: dict[str, Tensor]) -> Tensor:
    """Return draws of p(x | z) at codes of rows of noise, and perhaps of what is told of them."""
    return model.sample_tensor(*_noise(given), **_told(given), observed=True)


def _told(given: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: given[key] for key in ("label", "condition") if key in given}


def _noise(given: dict[str, Tensor]) -> list[Tensor]:
    return [given[key] for key in sorted(given) if key not in ("label", "condition")]


def _factor(model: Any, temperature: Any) -> Any:
    """Return what noise is multiplied by: a number, or one for each number of a code, float32.

    Raises:
        ValueError: A temperature is not positive, or there is not one for each level.
    """
    if np.ndim(temperature) == 0:
        return checked_positive("temperature", temperature)
    parts = model.bottleneck.parts if getattr(model.bottleneck, "ancestral", False) else {}
    if len(temperature) != len(parts) or model.sampler is not None:
        raise ValueError(
            "`temperature` must be a number, or one for each level of a hierarchy that draws from "
            f"its own prior. Received: {len(temperature)} of them, and `{model.variant}` with "
            f"{len(parts)} levels."
        )
    factors = np.ones(model.latent_shape, "float32")
    for part, value in zip(parts.values(), temperature, strict=True):
        factors[part] = checked_positive("temperature", value)
    return factors


def _check_source(model: Any, temperature: Any) -> None:
    """Refuse what cannot be drawn from, or not at this temperature.

    Raises:
        ValueError: As said.
    """
    if model.source is None:
        raise ValueError(
            f"sampling needs a prior. Received: `{model.variant}` has no prior to sample from. "
            "Fit a sampler from `keras_ae.samplers`, or pass `prior='standard_normal'`."
        )
    if np.any(np.not_equal(temperature, 1.0)) and not model.source.is_tempered():
        raise ValueError(
            "a temperature needs codes that are made of normal noise alone. "
            f"Received: temperature={temperature} and {type(model.source).__name__}."
        )


def _rows(noise: Noise, draws: list[tuple[str, Shape]], rows: int) -> list[np.ndarray]:
    """Return so many rows of each draw, of which the first do not depend on how many they are."""
    blocks = [
        [ops.convert_to_numpy(getattr(noise, kind)((BLOCK, *shape))) for kind, shape in draws]
        for _ in range(0, rows, BLOCK)
    ]
    return [np.concatenate(parts)[:rows] for parts in zip(*blocks, strict=True)]


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
