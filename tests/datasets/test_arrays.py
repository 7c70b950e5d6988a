from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_ae.datasets import load
from tests.datasets.sets import images, write_npz_set


def test_a_table_in_an_npy_is_split_and_kept_as_it_is(tmp_path: Path) -> None:
    x = np.arange(20).reshape(10, 2).astype("uint8")
    np.save(tmp_path / "a.npy", x)
    data = load(tmp_path / "a.npy", test_fraction=0.3)
    assert (data.x_train.shape, data.x_test.shape) == ((7, 2), (3, 2))
    assert data.x_train.dtype == np.float32
    assert data.x_train.max() + data.x_test.max() > 2
    assert (data.name, data.note, data.y_train) == ("a", "", None)


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 3)])
def test_pixels_come_in_0_to_1_with_channels_and_a_note(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    np.save(tmp_path / "a.npy", images(10, *shape))
    data = load(tmp_path / "a.npy")
    assert data.event_shape == (4, 3, 1 if len(shape) == 2 else 3)
    assert 0.9 < data.x_train.max() <= 1.0
    assert "divided by 255" in data.note


def test_pixels_of_two_values_are_not_made_almost_black(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", images(10, 4, 3) % 2)
    data = load(tmp_path / "a.npy")
    assert data.x_train.max() == 1.0
    assert "kept" in data.note


@pytest.mark.parametrize("dtype", ["float64", "int32"])
def test_only_bytes_are_pixels(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "a.npy", images(10, 4, 3).astype(dtype))
    data = load(tmp_path / "a.npy")
    assert data.event_shape == (4, 3)
    assert data.x_train.max() > 200


def test_an_npz_with_a_test_part_is_not_split(tmp_path: Path) -> None:
    data = load(write_npz_set(tmp_path / "a.npz"))
    assert (data.x_train.shape, data.x_test.shape) == ((5, 4, 4, 3), (2, 4, 4, 3))
    np.testing.assert_array_equal(data.y_test, [0, 1])


@pytest.mark.parametrize(("x", "y"), [("x", "y"), ("X", "y"), ("x_train", "y_train")])
def test_an_npz_without_a_test_part_is_split_with_its_labels(
    tmp_path: Path, x: str, y: str
) -> None:
    values = np.arange(10.0)[:, None]
    np.savez(tmp_path / "a.npz", **{x: values, y: np.arange(10), "more": np.zeros(3)})
    data = load(tmp_path / "a.npz")
    np.testing.assert_array_equal(data.x_train[:, 0], data.y_train)
    assert len(data.x_test) == 2


def test_objects_beside_the_data_do_not_matter(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((5, 2)), names=np.array([{"a": 1}], object))
    assert len(load(tmp_path / "a.npz").x_train) == 4


def _npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def _npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def _zip_of_text() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", "not an array")
    return file.getvalue()


NPZ = _npz(x=images(50, 4, 4))
BROKEN = {
    "truncated.npy": _npy(np.zeros((50, 4)))[:-9],
    "short.npy": _npy(np.zeros((50, 4)))[:9],
    "header.npy": _npy(np.zeros((50, 4))).replace(b"}", b" ", 1),
    "empty.npy": b"",
    "text.npy": b"1 2 3\n4 5 6\n",
    "objects.npy": _npy(np.array([[1, None]], object)),
    "truncated.npz": NPZ[:-40],
    "damaged.npz": NPZ[:200] + b"\0\0\0\0\0\0\0\0" + NPZ[208:],
    "empty.npz": b"",
    "objects.npz": _npz(x=np.array([[1, None]], object)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_line_that_names_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(BROKEN[name])
    with pytest.raises(ValueError, match=rf"^{name} must be a whole NumPy file.*Received: /") as e:
        load(tmp_path / name)
    assert "\n" not in str(e.value)


def test_objects_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(BROKEN["objects.npy"])
    with pytest.raises(ValueError, match="Python objects are not read"):
        load(tmp_path / "a.npy")


def test_a_zip_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(_zip_of_text())
    with pytest.raises(ValueError, match="Received"):
        load(tmp_path / "a.npz")


def test_an_npz_without_examples_says_what_it_holds(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", pictures=np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"must hold x, X or data.*Received: \['pictures'\]"):
        load(tmp_path / "a.npz")


def test_labels_of_another_length_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 2)), y=np.arange(4))
    with pytest.raises(ValueError, match=r"labels must be one number or word a row, \(3,\)"):
        load(tmp_path / "a.npz")


def test_both_parts_of_a_set_are_scaled_alike(tmp_path: Path) -> None:
    bright, dark = np.full((3, 2, 2), 255, "uint8"), np.ones((2, 2, 2), "uint8")
    np.savez(tmp_path / "set.npz", x_train=bright, x_test=dark)
    data = load(tmp_path / "set.npz")
    assert data.x_train.max() == 1.0
    assert data.x_test.max() == np.float32(1 / 255)


def test_the_first_missing_entry_is_told(tmp_path: Path) -> None:
    x = np.zeros((4, 3))
    x[2, 1] = np.nan
    np.save(tmp_path / "x.npy", x)
    assert load(tmp_path / "x.npy").missing == "nan at index (2, 1), and 1 such entries"
    np.savez(tmp_path / "x.npz", x_train=np.zeros((4, 3)), x_test=x)
    assert "at index (2, 1) of x_test" in load(tmp_path / "x.npz").missing
