"""What every sampler promises."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self, final

import numpy as np
from keras import ops

from keras_ae.bottlenecks import Posterior
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

        Raises:
            ValueError: The model's codes are not of a kind that the sampler can fit.
        """
        self.check_model(model)
        if isinstance(model.bottleneck, Posterior):
            codes = model.sample_posterior(x, seed=seed)[0]
        else:
            codes = model.encode(x)
        self.fit_codes(model, x, codes, labels=labels, seed=seed)
        self.trainable = False
        model.use_sampler(self)
        return self

    @final
    def attach(self, model: Any) -> None:
        """Make the weights whose shapes follow from the model's; refuse a model it cannot serve."""
        self.check_model(model)
        self.make_weights(model.latent_shape)
        self.trainable = False

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
                f"{name} needs codes of numbers. Received: {code}, whose codes are numbers of a "
                "codebook. They need a prior over indices."
            )
        space = getattr(model.bottleneck, "space", "vectors")
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
            kind = "int32" if value.dtype.kind in "iu" else "float32"
            held = getattr(self, name, None)
            if held is not None and tuple(held.shape) == value.shape:
                held.assign(value.astype(kind))
                continue
            self._tracker.unlock()
            variable = self.add_weight(
                value.shape, "zeros", dtype=kind, autocast=False, trainable=False, name=name
            )
            variable.assign(value.astype(kind))
            setattr(self, name, variable)
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
