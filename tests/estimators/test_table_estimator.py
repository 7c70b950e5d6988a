"""scikit-learn's own checks, each a test; those that cannot hold are named with their reason."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from keras_ae.estimators import AnomalyDetector, Clusterer, Embedder, Imputer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # the checks give constant columns, huge numbers, ...
]

ESTIMATORS = [
    AnomalyDetector(epochs=2),
    Clusterer(epochs=2),
    Embedder(epochs=2),
    Imputer(epochs=2, samples=5),
]

EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": "rows are held out, and drawn in batches, by "
    "chance: a row twice is not one row of twice the weight in the same batch",
}


def expected(estimator: Any) -> dict[str, str]:
    # Without gaps an imputer returns what it was given, whatever it was fitted to.
    return {} if isinstance(estimator, Imputer) else EXPECTED


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected)
def test_scikit_learn_accepts(estimator: Any, check: Any) -> None:
    check(estimator)
