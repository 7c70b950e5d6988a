from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from keras_ae.estimators.thresholds import BestF1, Quantile


@pytest.mark.parametrize("scores", [[], [1.0, np.nan], [np.inf]])
def test_scores_must_be_numbers(scores: Any) -> None:
    with pytest.raises(ValueError, match="one score or more, each finite"):
        Quantile()(scores)
    with pytest.raises(ValueError, match="one label for each score"):
        BestF1()([1.0, 2.0], [True])
