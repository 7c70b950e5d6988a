from __future__ import annotations

import numpy as np
import pytest

from keras_ae.datasets.dataset import Dataset, split

X = np.arange(20.0, dtype="float32").reshape(10, 2)


def test_the_parts_of_a_split_are_the_whole_and_labels_follow() -> None:
    data = split("set", X, np.arange(10), origin="here", test_fraction=0.3)
    assert (len(data.x_train), len(data.x_test)) == (7, 3)
    rows = np.concatenate([data.y_train, data.y_test])
    np.testing.assert_array_equal(np.sort(rows), np.arange(10))
    np.testing.assert_array_equal(np.concatenate([data.x_train, data.x_test]), X[rows])


def test_the_split_depends_on_the_seed_alone() -> None:
    parts = [split("set", X, None, origin="here", seed=seed).x_test for seed in (3, 3, 4)]
    np.testing.assert_array_equal(parts[0], parts[1])
    assert not np.array_equal(parts[0], parts[2])


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_neither_part_of_a_split_is_empty(fraction: float) -> None:
    data = split("set", X[:2], None, origin="here", test_fraction=fraction)
    assert (len(data.x_train), len(data.x_test)) == (1, 1)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5])
def test_an_impossible_fraction_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match=r"`test_fraction` must be between 0 and 1\. Received"):
        split("set", X, None, origin="here", test_fraction=fraction)


def test_one_row_is_too_few_to_split() -> None:
    with pytest.raises(ValueError, match=r"at least 2 rows\. Received: 1 rows in here"):
        split("set", X[:1], None, origin="here")


def test_a_limit_keeps_the_first_rows_of_each_part() -> None:
    data = Dataset("set", X[:8], np.arange(8), X[8:], None, "here").limited(3)
    np.testing.assert_array_equal(data.x_train, X[:3])
    np.testing.assert_array_equal(data.y_train, [0, 1, 2])
    np.testing.assert_array_equal(data.x_test, X[8:])
    assert data.y_test is None


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`limit` must be at least 1\. Received: limit=0"):
        Dataset("set", X, None, X, None, "here").limited(0)


def test_parts_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one shape.*\(10, 2\) and \(10, 1\) in here"):
        Dataset("set", X, None, X[:, :1], None, "here")


@pytest.mark.parametrize(
    ("shape", "is_image"), [((4, 4, 1), True), ((4, 4, 3), True), ((4, 4, 2), False), ((4,), False)]
)
def test_images_are_known_by_their_shape(shape: tuple[int, ...], is_image: bool) -> None:
    x = np.zeros((2, *shape), "float32")
    data = Dataset("set", x, None, x, None, "here")
    assert data.is_image is is_image
    assert data.event_shape == shape


def test_without_a_fraction_both_parts_are_all_rows_in_order() -> None:
    whole = split("a", np.arange(3.0)[:, None], np.arange(3), origin="here", test_fraction=None)
    np.testing.assert_array_equal(whole.x_test[:, 0], [0, 1, 2])
    assert whole.x_test is whole.x_train
    assert whole.y_test is whole.y_train
