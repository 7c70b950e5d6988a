"""How improbable a row is to a model, in nats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import keras
import numpy as np

from keras_ae.estimators.scores.score import Score
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.estimators")
class Likelihood(Score):
    """The negative log-likelihood -log p(x | z) of a row at its code's mean, nats.

    Under a Gaussian of fixed scale it orders rows as their residuals' lengths do.

    Reference:
        Kingma and Welling (2014), https://arxiv.org/abs/1312.6114, equation 3, second term.
    """

    reads: ClassVar[tuple[str, ...]] = ("likelihood",)

    @classmethod
    def fitted(cls, model: Any, features: Mapping[str, np.ndarray]) -> Self:
        """Return the score of a model that reconstructs under a likelihood.

        Raises:
            ValueError: No likelihood of the row is in its objective.
        """
        _check(model, "likelihood", "reconstruction")
        return cls()

    def value(self, features: Mapping[str, Tensor]) -> Tensor:
        """Return the nats `(batch,)` themselves."""
        return features["likelihood"]


@keras.saving.register_keras_serializable("keras_ae.estimators")
class Bound(Score):
    """The negative evidence lower bound of a row at its code's mean, nats, without weights.

    Reference:
        Kingma and Welling (2014), https://arxiv.org/abs/1312.6114, equation 3.
    """

    reads: ClassVar[tuple[str, ...]] = ("bound",)

    @classmethod
    def fitted(cls, model: Any, features: Mapping[str, np.ndarray]) -> Self:
        """Return the score of a model with a posterior and a prior.

        Raises:
            ValueError: It has none.
        """
        _check(model, "elbo", "reconstruction", and_others=True)
        return cls()

    def value(self, features: Mapping[str, Tensor]) -> Tensor:
        """Return the nats `(batch,)` themselves."""
        return features["bound"]


def _check(model: Any, method: str, term: str, and_others: bool = False) -> None:
    names = [t.name for t in model.objective if t.scores]
    if term not in names or (and_others and len(names) < 2):
        wanted = "a divergence from a prior" if term in names else "the likelihood of a row"
        raise ValueError(
            f"`score_method={method!r}` needs a model whose objective has {wanted}. Received: "
            f"`{model.variant}`, whose scoring terms are {names}. Take `model='vae'`, or another "
            "score"
        )
