from __future__ import annotations

import pytest

from keras_ae.estimators import scores


def test_a_score_is_found_by_its_name() -> None:
    assert scores.get("mahalanobis") is scores.Mahalanobis
    assert next(iter(scores.SCORES)) == "combined"


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="Did you mean 'likelihood'"):
        scores.get("likelyhood")
