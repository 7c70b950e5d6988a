from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from keras_ae.datasets import NAMES, at_hand, load
from keras_ae.datasets.stored import IDX, MNIST_MD5
from tests.datasets.sets import images, write_idx_set, write_npz_set
from tests.real_data import needs

IDX_PLACES = {
    "data/mnist": "mnist",
    "keras/datasets/mnist": "mnist",
    "data/fashion_mnist": "fashion_mnist",
    "debian/fashion-mnist": "fashion_mnist",
    "keras/datasets/fashion-mnist": "fashion_mnist",
}


@pytest.mark.parametrize(("place", "name"), IDX_PLACES.items())
def test_idx_files_are_found_in_each_place(empty_machine: Path, place: str, name: str) -> None:
    assert not at_hand(name)
    folder = write_idx_set(empty_machine / place)
    assert at_hand(name)
    data = load(name)
    assert (data.x_train.shape, data.x_test.shape) == ((5, 4, 3, 1), (2, 4, 3, 1))
    np.testing.assert_allclose(data.x_train[..., 0] * 255, images(5, 4, 3), rtol=1e-6)
    np.testing.assert_array_equal(data.y_train, np.arange(5))
    assert data.origin == str(folder)


NPZ_PLACES = {
    "data/cifar10/some_subset.npz": "cifar10",
    "keras/datasets/cifar10/cifar10.npz": "cifar10",
    "keras/datasets/mnist.npz": "mnist",
}


@pytest.mark.parametrize(("place", "name"), NPZ_PLACES.items())
def test_npz_files_are_found_in_each_place(empty_machine: Path, place: str, name: str) -> None:
    path = write_npz_set(empty_machine / place)
    assert at_hand(name)
    data = load(name)
    assert (data.event_shape, data.origin) == ((4, 4, 3), str(path))
    np.testing.assert_array_equal(data.y_test, [0, 1])


def test_a_subset_says_so_with_its_size(empty_machine: Path) -> None:
    write_npz_set(empty_machine / "data" / "cifar10" / "a.npz")
    assert load("cifar10").note == "a subset: 5 of 50000 training and 2 of 10000 test images"


def test_the_users_folder_comes_first(empty_machine: Path) -> None:
    write_idx_set(empty_machine / "keras" / "datasets" / "mnist", train=3)
    write_idx_set(empty_machine / "data" / "mnist", train=4)
    assert len(load("mnist").x_train) == 4


def test_a_limit_keeps_the_first_rows(empty_machine: Path) -> None:
    write_idx_set(empty_machine / "data" / "mnist")
    data = load("mnist", limit=3)
    assert (len(data.x_train), len(data.x_test)) == (3, 2)
    np.testing.assert_array_equal(data.y_train, [0, 1, 2])


@pytest.mark.parametrize("name", ["cifar10", "fashion_mnist", "mnist"])
def test_offline_the_error_is_one_line_with_every_place(empty_machine: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match="must be on this machine or to be downl") as e:
        load(name)
    message = str(e.value)
    assert "\n" not in message
    for place in (empty_machine / "data" / name, empty_machine / "keras" / "datasets"):
        assert str(place) in message
    assert "offline: https://" in message
    assert "Set KERAS_AE_DATA to a folder" in message
    assert ("debian/fashion-mnist" in message) is (name == "fashion_mnist")


def test_a_truncated_part_of_a_set_is_named(empty_machine: Path) -> None:
    file = write_idx_set(empty_machine / "data" / "mnist") / IDX[2]
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(ValueError, match=rf"^{IDX[2]} must be a whole gzipped idx file"):
        load("mnist")


def test_an_npz_that_lacks_a_part_says_which(empty_machine: Path) -> None:
    folder = empty_machine / "data" / "cifar10"
    folder.mkdir(parents=True)
    np.savez(folder / "a.npz", x_train=images(5, 4, 4, 3))
    with pytest.raises(ValueError, match=r"none named \['y_train', 'x_test', 'y_test'\]"):
        load("cifar10")


def test_images_that_are_not_bytes_are_refused(empty_machine: Path) -> None:
    folder = empty_machine / "data" / "cifar10"
    folder.mkdir(parents=True)
    x, y = np.zeros((2, 4, 4, 3)), np.zeros(2)
    np.savez(folder / "a.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    with pytest.raises(ValueError, match=r"images must be uint8.*Received: dtype float64"):
        load("cifar10")


def test_labels_that_do_not_fit_are_refused(empty_machine: Path) -> None:
    folder = write_idx_set(empty_machine / "data" / "mnist")
    (folder / IDX[1]).write_bytes((folder / IDX[3]).read_bytes())
    with pytest.raises(ValueError, match=r"labels must be one number or word a row, \(5,\)"):
        load("mnist")


def test_digits_are_always_there_and_split_the_same(empty_machine: Path) -> None:
    first, second = load("digits"), load("digits", seed=7)
    assert (first.x_train.shape, first.x_test.shape) == ((1438, 8, 8, 1), (359, 8, 8, 1))
    assert (first.x_train.min(), first.x_train.max()) == (0.0, 1.0)
    np.testing.assert_array_equal(first.x_test, second.x_test)
    assert at_hand("digits")
    assert set(NAMES) == {"digits", "mnist", "fashion_mnist", "cifar10"}


def idx(array: np.ndarray) -> bytes:
    """Return uint8 numbers as the unzipped idx file that holds them."""
    return struct.pack(f">{array.ndim + 1}i", 2048 + array.ndim, *array.shape) + array.tobytes()


@needs("mnist")
def test_the_real_mnist_is_the_published_one() -> None:
    data = load("mnist")
    pixels = [np.rint(x[..., 0] * 255).astype("uint8") for x in (data.x_train, data.x_test)]
    digits = [y.astype("uint8") for y in (data.y_train, data.y_test)]
    files = [idx(a) for pair in zip(pixels, digits, strict=True) for a in pair]
    found = [hashlib.md5(content, usedforsecurity=False).hexdigest() for content in files]
    assert found == list(MNIST_MD5.values())
    assert data.note == ""


@needs("cifar10")
def test_the_real_cifar10_is_in_colour_and_tells_its_size() -> None:
    data = load("cifar10")
    assert data.event_shape == (32, 32, 3)
    assert data.x_train.max() == 1.0
    np.testing.assert_array_equal(data.y_train[:5], [6, 9, 9, 4, 1])
    assert (data.note == "") is (len(data.x_train) == 50_000)


@needs("fashion_mnist")
def test_the_real_fashion_mnist_has_its_published_mean() -> None:
    data = load("fashion_mnist")
    assert data.x_train.shape == (60000, 28, 28, 1)
    assert data.x_train.mean(dtype="float64") == pytest.approx(0.2860406, abs=1e-6)
