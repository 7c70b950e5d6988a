from __future__ import annotations

import numpy as np
import pytest

from keras_ae.datasets import checks


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "uint8", "bool"])
def test_every_type_of_number_becomes_float32(dtype: str) -> None:
    assert checks.examples(np.ones((2, 3), dtype), "here").dtype == np.float32


def test_nan_stays() -> None:
    x = checks.examples(np.array([[1.0, np.nan]]), "here")
    np.testing.assert_array_equal(x, [[1.0, np.nan]])


@pytest.mark.parametrize("dtype", ["U3", "O", "datetime64[s]", "complex64"])
def test_what_is_no_real_number_is_refused(dtype: str) -> None:
    with pytest.raises(ValueError, match=r"real numbers\. Received: dtype .* in here"):
        checks.examples(np.zeros((2, 3), dtype), "here")


@pytest.mark.parametrize("shape", [(), (3,), (0, 3), (3, 0)])
def test_what_has_no_rows_of_examples_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"not empty\. Received: shape"):
        checks.examples(np.zeros(shape), "here")


def test_infinity_is_refused_with_its_index() -> None:
    x = np.zeros((4, 2, 3))
    x[2, 1, 0] = -np.inf
    with pytest.raises(ValueError, match=r"finite.*Received: -inf at index \(2, 1, 0\) in here"):
        checks.examples(x, "here")


def test_a_number_beyond_float32_is_refused_with_its_column() -> None:
    with pytest.raises(ValueError, match=r"Received: 1e\+300 at row 1, column 'b' in here"):
        checks.examples(np.array([[0.0, 0.0], [0.0, 1e300]]), "here", columns=["a", "b"])


def test_a_column_of_labels_becomes_flat() -> None:
    y = checks.labels(np.arange(3)[:, None], 3, "here")
    np.testing.assert_array_equal(y, [0, 1, 2])


@pytest.mark.parametrize(
    "y", [np.arange(2), np.zeros((3, 2)), np.array([None] * 3, object), np.array(3)]
)
def test_labels_must_be_one_a_row(y: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"one number or word a row, \(3,\)\. Received: shape"):
        checks.labels(y, 3, "here")
