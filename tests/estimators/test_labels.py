from __future__ import annotations

from typing import Any

import pytest

from keras_ae.estimators.labels import anomalies


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, 1, 1], [False, True, True]),
        ([1, -1, 1], [False, True, False]),
        ([True, False], [True, False]),
        ([0, 0], [False, False]),
        ([-1, -1], [True, True]),
        ([0.0, 1.0], [False, True]),
    ],
)
def test_labels_are_of_either_convention(labels: Any, expected: Any) -> None:
    assert anomalies(labels).tolist() == expected


@pytest.mark.parametrize("labels", [[1, 1], [0, 1, -1], [2, 1], ["a", "b"]])
def test_labels_of_no_convention_are_refused(labels: Any) -> None:
    with pytest.raises(ValueError, match="labels must be booleans"):
        anomalies(labels)
