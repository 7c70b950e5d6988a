from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_ae.datasets import load
from tests.datasets.sets import images


def draw(path: Path, *shape: int, seed: int = 1) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = images(seed, *(shape or (4, 3)))[0]
    Image.fromarray(pixels).save(path)
    return pixels


def test_sub_folders_are_labels_and_grey_has_one_channel(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        for i in range(3):
            draw(tmp_path / label / f"{i}.png")
    data = load(tmp_path)
    assert (data.x_train.shape, data.x_test.shape) == ((5, 4, 3, 1), (1, 4, 3, 1))
    assert {*data.y_train, *data.y_test} == {"cat", "dog"}


def test_pixels_are_exact_in_0_to_1(tmp_path: Path) -> None:
    pixels = draw(tmp_path / "a.png", 4, 3, 3)
    draw(tmp_path / "b.bmp", 4, 3, 3)
    data = load(tmp_path)
    np.testing.assert_array_equal(data.x_train[0], pixels.astype("float32") / np.float32(255))
    assert data.y_train is None


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    pixels = np.linspace(0, 65535, 12).astype("uint16").reshape(4, 3)
    for name in ("a.png", "b.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    x = load(tmp_path).x_train[0, ..., 0]
    np.testing.assert_allclose(x, pixels / 65535.0, atol=1e-6)


def test_folders_train_and_test_are_the_parts(tmp_path: Path) -> None:
    for i in range(3):
        draw(tmp_path / "train" / "cat" / f"{i}.png")
    draw(tmp_path / "test" / "dog" / "0.png")
    data = load(tmp_path)
    assert (len(data.x_train), len(data.x_test)) == (3, 1)
    assert [*data.y_train, *data.y_test] == ["cat", "cat", "cat", "dog"]


def test_hidden_files_and_other_files_are_left_out(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", ".c.png", ".cache/d.png"):
        draw(tmp_path / name)
    (tmp_path / "notes.txt").write_text("hello")
    data = load(tmp_path)
    assert len(data.x_train) + len(data.x_test) == 2


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 3)])
def test_the_first_odd_image_is_named(tmp_path: Path, shape: tuple[int, ...]) -> None:
    for name in ("a.png", "b.png", "d.png"):
        draw(tmp_path / name)
    draw(tmp_path / "c.png", *shape)
    with pytest.raises(ValueError, match=r"shape of the first, \(4, 3, 1\).*of /.*/c\.png$"):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello", None])
def test_a_broken_image_is_named(tmp_path: Path, content: bytes | None) -> None:
    draw(tmp_path / "a.png", 20, 20)
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(ValueError, match=r"^b\.png must be a whole image\. Received: /") as e:
        load(tmp_path)
    assert "\n" not in str(e.value)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must hold images \(.*\.png.*\)\. Received: .*none"):
        load(tmp_path)


def test_images_beside_folders_of_images_are_refused(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    draw(tmp_path / "cat" / "b.png")
    with pytest.raises(ValueError, match=r"or none of them\. Received: 1 of 2 directly in"):
        load(tmp_path)
