"""The error of reconstruction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import keras
import numpy as np
from keras import ops

from keras_ae.estimators.scores.score import Score
from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.estimators")
class Reconstruction(Score):
    """The length of the residual |x - g(f(x))| of the scaled row, of its observed entries.

    Reference:
        Hawkins et al. (2002), https://doi.org/10.1007/3-540-46145-0_17, equation 4, whose mean
        of squares orders rows alike.

    Example:
        >>> import numpy as np
        >>> print(Reconstruction().value({"residual": np.array([[3.0, 4.0]], "float32")}).shape[0])
        1
    """

    reads: ClassVar[tuple[str, ...]] = ("residual",)

    @classmethod
    def fitted(cls, model: Any, features: Mapping[str, np.ndarray]) -> Self:
        """Return the score; there is nothing to read off rows."""
        return cls()

    def value(self, features: Mapping[str, Tensor]) -> Tensor:
        """Return the length `(batch,)` of residuals `(batch, width)`."""
        return ops.sqrt(ops.sum(ops.square(features["residual"]), axis=-1))
