from __future__ import annotations

import numpy as np
import pytest

from keras_ae.estimators import Generator
from tests.estimators.tables import people


def test_rows_are_drawn_like_those_of_training() -> None:
    table = people(800)
    made = Generator(epochs=60, random_state=0).fit(table)
    drawn = made.sample(1_000, seed=0)
    assert drawn.dtypes.tolist() == table.dtypes.tolist()
    assert set(drawn["job"]) == {"boss", "cook", "nurse"}
    assert abs(drawn["age"].mean() - table["age"].mean()) < 3.0
    assert 0.6 < drawn["age"].std() / table["age"].std() < 1.4
    assert drawn["age"].corr(drawn["pay"]) > 0.5
    shares = drawn["job"].value_counts(normalize=True) - table["job"].value_counts(normalize=True)
    assert abs(shares).max() < 0.15
    assert made.sample(5, seed=3).equals(made.sample(5, seed=3))


def test_a_model_without_a_prior_cannot_be_drawn_from() -> None:
    made = Generator("autoencoder", epochs=1, random_state=0).fit(people())
    with pytest.raises(ValueError, match="prior"):
        made.sample(3)


def test_arrays_are_drawn_as_arrays() -> None:
    rows = np.random.default_rng(0).normal(size=(80, 3))
    assert Generator(epochs=1, random_state=0).fit(rows).sample(7, seed=0).shape == (7, 3)
