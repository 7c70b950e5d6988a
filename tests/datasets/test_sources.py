from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from keras_ae.datasets import load


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(FileNotFoundError, match=r"Received: 'fasion_mnist'.*'fashion_mnist'"):
        load("fasion_mnist")


@pytest.mark.parametrize("source", ["nowhere/a.csv", "a.npz", "nowhere/images"])
def test_a_path_where_nothing_is_is_said_to_be_one(source: str) -> None:
    with pytest.raises(
        FileNotFoundError, match=rf"a path of data must exist\. Received: '{source}'"
    ):
        load(source)


def test_paths_may_be_strings(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 2)))
    assert load(str(tmp_path / "a.npy"), limit=2).x_train.shape == (2, 2)


@pytest.mark.parametrize("limit", [0, -1])
def test_an_impossible_limit_is_refused_before_anything_is_read(limit: int) -> None:
    with pytest.raises(ValueError, match=r"`limit` must be at least 1\. Received"):
        load("no such set", limit=limit)


def test_a_set_with_a_name_has_no_column_of_labels() -> None:
    with pytest.raises(ValueError, match=r"`label_column` must be None.*'kind' for 'digits'"):
        load("digits", label_column="kind")
