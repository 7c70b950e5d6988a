"""What every sampler promises."""

from __future__ import annotations

import warnings
import weakref
from abc import abstractmethod
from typing import Any, Self, final

import numpy as np
from keras import ops

from keras_ae.bottlenecks import Posterior
from keras_ae.latent_model import LatentModel
from keras_ae.parts import is_number, unlocked
from keras_ae.priors import Source
from keras_ae.typing import Shape


class Sampler(Source):
    """A distribution over codes that is fitted to a trained model's codes of some data.

    `fit` gives the sampler to the model: `model.sample` draws from it, it is saved with the model
    and leaves with it. What it learned are arrays, of whatever size they have.
    """

    spaces: tuple[str, ...] = ("vectors",)
    """Where the codes may live that it fits."""

    needs_posterior: bool = False
    """Whether it makes no sense for codes without a distribution."""

    @final
    def fit(self, model: Any, x: Any, *, labels: Any = None, seed: int = 0) -> Self:
        """Fit to the codes of rows of data and give the sampler to the model.

        Args:
            model: A trained model.
            x: Rows in data units.
            labels: One whole number or name a row, for a sampler of classes.
            seed: Of what is random in fitting.

        Returns:
            The model's sampler: this one, or a copy where this one serves another model.

        Raises:
            TypeError: `model` is no model of this package.
            ValueError: The model's codes are not of a kind that the sampler can fit, or `labels`
                or `seed` are not what they must be.
        """
        if not isinstance(model, LatentModel):
            raise TypeError(f"`model` must be a keras_ae model. Received: {type(model).__name__}")
        if self._serves is not None and self._serves() not in (None, model):
            return self.from_config(self.get_config()).fit(model, x, labels=labels, seed=seed)
        self.check_model(model)
        seed = _checked_seed(seed)
        codes = self.codes_to_fit(model, x, seed)
        if labels is not None:
            labels = _checked_labels(labels, len(codes))
        self.fit_codes(model, x, codes, labels=labels, seed=seed)
        fitted_at = int(ops.convert_to_numpy(model.step))
        self.keep(fitted_at=np.array(fitted_at), fitted_to=np.array(model.latent_shape))
        model.use_sampler(self)
        return self

    @final
    def check_ready(self, model: Any) -> None:
        """Refuse to be drawn from before it was fitted to codes of this shape.

        Warns:
            UserWarning: The model was trained further since.
        """
        name = type(self).__name__
        if not self.kept:
            raise ValueError(
                f"a sampler must be fitted before it is drawn from. Received: a new {name}. "
                "Call its `fit(model, x)`."
            )
        shape = tuple(ops.convert_to_numpy(self.kept["fitted_to"]).tolist())
        if shape != tuple(model.latent_shape):
            raise ValueError(
                f"a sampler must be fitted to the model's own codes, {model.latent_shape}. "
                f"Received: {name} of codes {shape}. Call its `fit(model, x)`."
            )
        steps = int(ops.convert_to_numpy(model.step)) - int(
            ops.convert_to_numpy(self.kept["fitted_at"])
        )
        if steps > 0:
            warnings.warn(
                f"the model was trained for {steps} steps since its {name} was fitted, whose codes "
                "are those of before. Fit it again.",
                stacklevel=4,
            )

    @final
    def attach(self, model: Any) -> None:
        """Make the weights whose shapes follow from the model's; refuse a model it cannot serve."""
        self.check_model(model)
        self.make_weights_for(model)
        self.trainable = False
        self.__dict__["_serves"] = weakref.ref(model)

    _serves: Any = None

    def make_weights_for(self, model: Any) -> None:
        """Make weights for the model's codes; by default those that follow from their shape."""
        self.make_weights(model.latent_shape)

    def codes_to_fit(self, model: Any, x: Any, seed: int) -> np.ndarray:
        """Return the codes of rows: draws of the posterior where there is one."""
        if isinstance(model.bottleneck, Posterior):
            return np.asarray(model.sample_posterior(x, seed=seed)[0])
        return np.asarray(model.encode(x))

    def make_weights(self, latent_shape: Shape) -> None:
        """Make weights for codes of this shape; none by default."""

    def check_model(self, model: Any) -> None:
        """Refuse a model whose codes the sampler cannot fit.

        Raises:
            ValueError: As said, with what fits instead.
        """
        name, code = type(self).__name__, type(model.bottleneck).__name__
        if "indices" in model.bottleneck.reports:
            raise ValueError(
                f"{name} needs codes of numbers. Received: {code}, whose codes are of a finite "
                "set. Take 'causal_transformer', 'masked_transformer' or 'pixel_cnn'."
            )
        space = model.bottleneck.space
        if space not in self.spaces:
            raise ValueError(
                f"{name} fits codes in {' or '.join(self.spaces)}. Received: {code}, whose codes "
                f"are in {space}. Sample from the model's prior, or take 'aggregated_posterior'."
            )
        if self.needs_posterior and not isinstance(model.bottleneck, Posterior):
            raise ValueError(
                f"{name} needs a posterior. Received: {code}, whose code has no distribution; it "
                "would only repeat the data. Take 'gaussian_mixture' or 'kernel_density'."
            )

    @abstractmethod
    def fit_codes(self, model: Any, x: Any, codes: np.ndarray, *, labels: Any, seed: int) -> None:
        """Fit to codes `(rows, *latent_shape)`, draws of the posterior where there is one."""

    # Arrays whose sizes are known only after fitting.

    @final
    def keep(self, **arrays: np.ndarray) -> None:
        """Hold arrays under their names, saved with the model."""
        for name, array in arrays.items():
            value = np.asarray(array)
            self.__dict__.pop("_noise_of_one", None)
            kind = "int32" if value.dtype.kind in "iu" else "float32"
            held = getattr(self, name, None)
            if held is not None and tuple(held.shape) == value.shape:
                held.assign(value.astype(kind))
                continue
            with unlocked(self):
                variable = self.add_weight(
                    value.shape, "zeros", dtype=kind, autocast=False, trainable=False, name=name
                )
                if held is not None:
                    self._tracker.untrack(held)
                setattr(self, name, variable)
            variable.assign(value.astype(kind))
            self.__dict__.setdefault("_kept", {})[name] = variable

    @property
    def kept(self) -> dict[str, Any]:
        """The arrays that were learned, by name."""
        return dict(self.__dict__.get("_kept", {}))

    def save_own_variables(self, store: Any) -> None:
        """Write the arrays by their names."""
        for name, variable in self.kept.items():
            store[name] = ops.convert_to_numpy(variable)

    def load_own_variables(self, store: Any) -> None:
        """Read the arrays, of whatever sizes they were."""
        # Keras's store is no mapping: it has `keys` but cannot be iterated over.
        names = list(store.keys())
        self.keep(**{name: np.asarray(store[name]) for name in names})


def _checked_seed(seed: Any) -> int:
    if isinstance(seed, bool) or not hasattr(seed, "__index__") or not 0 <= int(seed) < 2**32:
        raise ValueError(f"`seed` must be a whole number from 0 to 2^32 - 1. Received: {seed!r}")
    return int(seed)


def _checked_labels(labels: Any, rows: int) -> np.ndarray:
    """Return labels as an array `(rows,)` of numbers or of words.

    Raises:
        ValueError: There is not one for each row, one is missing, or they are of several kinds.
    """
    found = np.asarray(labels)
    if found.shape != (rows,):
        raise ValueError(
            f"`labels` must have one label for each of the {rows} rows. "
            f"Received: shape {found.shape}"
        )
    given = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    kinds = sorted({"a number" if is_number(v) else type(v).__name__ for v in given})
    missing = any(v is None or v != v for v in given)
    if missing or len(kinds) > 1:
        raise ValueError(
            "`labels` must be numbers or words, none of them missing. "
            f"Received: {'missing ones' if missing else ' and '.join(kinds)}"
        )
    return np.asarray(given)
