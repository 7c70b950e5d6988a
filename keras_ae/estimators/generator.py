"""Tables that never were."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from keras_ae.estimators.single_model import SingleModel


class Generator(SingleModel):
    """Learns the distribution of a table's rows, and draws others.

    Args:
        model: A variant's name or a `LatentModel`, with a prior.
        **training: `latent_dim`, `epochs`, `missing`, `random_state` and the others of
            `TableEstimator`.

    Example:
        >>> import numpy as np
        >>> rows = np.random.default_rng(0).normal(size=(60, 3))
        >>> Generator(epochs=2, random_state=0).fit(rows).sample(4, seed=0).shape
        (4, 3)
    """

    def __init__(self, model: Any = "sigma_vae", **training: Any) -> None:
        super().__init__(model, **training)

    def _defaults(self) -> dict[str, Any]:
        return self._likelihood()

    def sample(self, n_samples: int = 1, *, seed: int | None = None) -> Any:
        """Return rows drawn from the model, as a table of the columns and dtypes of training.

        Args:
            n_samples: How many.
            seed: Of the draws; fresh ones when None.

        Raises:
            ValueError: The model has no prior to draw from.
        """
        check_is_fitted(self)
        drawn = self.model_.sample(n_samples, seed=seed, observed=True)
        return self.schema_.decode(self.scaling_.restore(drawn))
