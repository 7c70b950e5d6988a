from __future__ import annotations

import json

import pytest

from keras_ae.estimators import thresholds
from keras_ae.estimators.thresholds import (
    BestF1,
    Contamination,
    ExtremeValue,
    FalsePositiveRate,
    MedianDeviation,
)


def test_rules_have_names_and_numbers() -> None:
    assert thresholds.get("fpr=0.05") == FalsePositiveRate(0.05)
    assert thresholds.get("f1") == BestF1()
    assert thresholds.get("mad") == MedianDeviation()
    rule = ExtremeValue(1e-4, start=0.95)
    assert thresholds.get(rule) is rule
    for each in (rule, BestF1(), Contamination(0.0)):
        config = json.loads(json.dumps(thresholds.to_config(each)))
        assert thresholds.from_config(config) == each


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("fp=0.1", "one of quantile, contamination, fpr.*Did you mean 'fpr'"),
        ("fpr=x", "number must stand behind its '='"),
        ("f1=0.3", "number must stand behind its '='"),
        ("fpr=2", "`rate` must be in"),
        ("contamination=0.6", "`share` must be in .0, 0.5. *.*0.6"),
    ],
)
def test_wrong_names_and_numbers_are_refused(identifier: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        thresholds.get(identifier)


def test_what_is_no_rule_is_refused() -> None:
    with pytest.raises(TypeError, match="a rule, or a name"):
        thresholds.get(0.1)
