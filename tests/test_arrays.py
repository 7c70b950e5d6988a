from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_ae import arrays

X = np.random.default_rng(0).random((6, 4)).astype("float32")


def tensors() -> dict[str, Any]:
    """The same rows as tensors of each framework."""
    import jax.numpy as jnp
    import tensorflow as tf
    import torch

    return {
        "jax": jnp.asarray(X),
        "tensorflow": tf.constant(X),
        "torch": torch.tensor(X, requires_grad=True),
    }


@pytest.mark.parametrize("framework", ["jax", "tensorflow", "torch"])
def test_tensors_of_every_framework_become_arrays(framework: str) -> None:
    got = arrays.as_numbers("x", tensors()[framework])
    assert type(got) is np.ndarray
    np.testing.assert_array_equal(got, X)


@pytest.mark.parametrize("dtype", [">i4", "uint64", "int64", "float16", ">f8", "float64"])
def test_numbers_of_every_type_become_float32(dtype: str) -> None:
    got = arrays.as_numbers("x", np.arange(4).astype(dtype))
    assert got.dtype == np.dtype("float32")
    assert got.tolist() == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize("dtype", ["uint8", "bool"])
def test_bytes_stay_bytes(dtype: str) -> None:
    assert arrays.as_numbers("x", np.ones(3, dtype)).dtype == np.dtype(dtype)


def test_hidden_entries_are_missing_entries() -> None:
    hidden = np.ma.masked_array(X[:1], mask=[[False, True, False, False]])
    assert np.isnan(arrays.as_numbers("x", hidden)).tolist() == [[False, True, False, False]]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array(["a", "b"]), "must hold numbers. Received: dtype <U1"),
        (np.ones(3, "complex64"), "must hold numbers. Received: dtype complex64"),
        ([[1.0, 2.0], [3.0]], "must hold rows of one length"),
        (None, "must hold numbers. Received: None"),
    ],
)
def test_what_holds_no_numbers_is_refused(values: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        arrays.as_numbers("x", values)


def test_an_entry_that_is_not_finite_is_told_by_its_place() -> None:
    bad = X.copy()
    bad[3, 2] = np.inf
    with pytest.raises(ValueError, match=r"`y` must be finite. Received: inf at \(3, 2\)"):
        arrays.check_entries("y", bad, (4,), None)
    bad[3, 2] = np.nan
    with pytest.raises(ValueError, match=r"nan at \(3, 2\), and 1 such entries"):
        arrays.check_entries("x", bad, (4,), None)
    arrays.check_entries("x", bad, (4,), "mask")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones((6, 1)), r"must have the shape \(rows,\). Received: shape \(6, 1\)"),
        ([1.0, np.nan], r"`sample_weight` must be finite. Received: nan at \(1,\)"),
        ([1.0, -2.0], "must not be negative. Received: -2 at 1"),
    ],
)
def test_weights_that_weigh_no_rows_are_refused(weights: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        arrays.checked_weights(weights)
    assert arrays.checked_weights([1, 2]).dtype == np.dtype("float32")


def test_a_shape_may_come_in_numpys_integers() -> None:
    assert arrays.checked_shape(np.array([6, 2])) == (6, 2)
    assert arrays.checked_shape(np.int64(6)) == (6,)
    for bad in (None, 3.5, (2.5,), "ab", (True,)):
        with pytest.raises(ValueError, match="`input_shape` must be the shape"):
            arrays.checked_shape(bad)


@pytest.fixture
def mapped(tmp_path: Path) -> np.ndarray:
    """A double array that is a view on a file."""
    np.save(tmp_path / "x.npy", X.astype("float64"))
    return np.load(tmp_path / "x.npy", mmap_mode="r")


def test_a_view_on_a_file_is_known_whatever_numpy_made_of_it(mapped: np.ndarray) -> None:
    assert all(map(arrays.is_mapped, (mapped, np.asarray(mapped), np.asarray(mapped)[1:])))
    assert not any(map(arrays.is_mapped, (X, X[1:], np.array(mapped))))


def test_a_large_mapped_array_stays_in_its_file_and_a_small_one_is_copied(
    mapped: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = arrays.as_numbers("x", mapped)
    assert small.dtype == "float32"
    assert small.flags.writeable
    monkeypatch.setattr(arrays, "MAPPED_BYTES", 1)
    large = arrays.as_numbers("x", mapped)
    assert large.dtype == "float64"
    assert np.shares_memory(large, mapped)


@pytest.mark.parametrize("chunk", [1, 64, 10**6])
def test_the_first_entry_that_is_not_finite_is_named_whatever_the_chunks(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "CHUNK_BYTES", chunk)
    x = X.copy()
    x[4, 1], x[5, 0], x[3, 2] = np.inf, np.nan, np.nan
    with pytest.raises(ValueError, match=r"nan at \(3, 2\), and 3 such entries"):
        arrays.check_finite("x", x)
    with pytest.raises(ValueError, match=r"inf at \(4, 1\), and 1 such entries"):
        arrays.check_finite("x", x, missing="mask")


def test_large_finite_entries_whose_sum_is_not_finite_are_accepted() -> None:
    largest = np.finfo("float32").max
    arrays.check_finite("x", np.full((4, 3), largest, "float32"))
    arrays.check_finite("x", np.full((4, 3), np.finfo("float64").max))
    with pytest.raises(ValueError, match=r"inf at \(1, 0\), and 1 such entries"):
        arrays.check_finite("x", np.array([[largest], [np.inf], [largest]], "float32"))
