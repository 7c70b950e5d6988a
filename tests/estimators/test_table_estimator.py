"""scikit-learn's own checks, each a test; those that cannot hold are named with their reason."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from keras_ae.estimators import AnomalyDetector

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # the checks give constant columns, huge numbers, ...
]

ESTIMATORS = [AnomalyDetector(epochs=2)]

EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": "rows are held out, and drawn in batches, by "
    "chance: a row twice is not one row of twice the weight in the same batch",
}


def expected(estimator: Any) -> dict[str, str]:
    return EXPECTED


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected)
def test_scikit_learn_accepts(estimator: Any, check: Any) -> None:
    check(estimator)
