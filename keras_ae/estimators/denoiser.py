"""Tables without their noise."""

from __future__ import annotations

from typing import Any

from sklearn.base import OneToOneFeatureMixin, TransformerMixin

from keras_ae.estimators.single_model import SingleModel


class Denoiser(OneToOneFeatureMixin, TransformerMixin, SingleModel):
    """Learns to restore rows that were corrupted, and restores others.

    Args:
        model: A variant's name, a `LatentModel`, or a Keras model from rows to rows.
        corruption: What rows suffer in training: a name such as "gaussian_noise", "feature_mask",
            "salt_and_pepper" or "swap_noise", `{"name": ..., **options}`, or an instance; of the
            variant's own when None.
        **training: `latent_dim`, `epochs`, `missing`, `random_state` and the others of
            `TableEstimator`.

    Example:
        >>> import numpy as np
        >>> rows = np.random.default_rng(0).normal(size=(60, 5))
        >>> Denoiser(epochs=2, random_state=0).fit(rows).transform(rows).shape
        (60, 5)
    """

    def __init__(
        self, model: Any = "denoising_autoencoder", *, corruption: Any = None, **training: Any
    ) -> None:
        super().__init__(model, **training)
        self.corruption = corruption

    def _defaults(self) -> dict[str, Any]:
        corruption = {} if self.corruption is None else {"corruption": self.corruption}
        return corruption | self._likelihood()

    def transform(self, X: Any) -> Any:
        """Return rows restored, as a table like X; dtypes are those of training."""
        return self._as_table(self.model_.reconstruct(self._scaled(X)), X)
