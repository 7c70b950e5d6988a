"""Folders of images, the sub-folder of each its label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from keras_ae.datasets.dataset import Dataset, split
from keras_ae.datasets.unreadable import unreadable

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
GREY = ("1", "L", "LA")


def load(folder: Path, **cut: Any) -> Dataset:
    """Return the images below a folder in [0, 1], split at random unless it has train/ and test/.

    Args:
        folder: Holds images, or a sub-folder of images for each label; or both of train/ and
            test/, each of which does. Hidden files are left out.
        cut: Arguments of `split`.

    Raises:
        ValueError: There is no image, one cannot be read, or two differ in shape.
    """
    train, test = folder / "train", folder / "test"
    if not (_paths(train) and _paths(test)):
        x, y = read(folder)
        return split(folder.name, x, y, origin=str(folder), **cut)
    (x_train, y_train), (x_test, y_test) = read(train), read(test)
    return Dataset(folder.name, x_train, y_train, x_test, y_test, str(folder))


def read(folder: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Return `(rows, height, width, channels)` in [0, 1], in order of the paths, and labels.

    Raises:
        ValueError: There is no image, one cannot be read, or two differ in shape.
    """
    paths = _paths(folder)
    if not paths:
        raise ValueError(
            f"a folder of data must hold images ({' '.join(SUFFIXES)}). "
            f"Received: {folder}, with none"
        )
    labels = [path.relative_to(folder).parts[0] for path in paths if path.parent != folder]
    if labels and len(labels) < len(paths):
        raise ValueError(
            f"images must all lie in sub-folders, which are their labels, or none of them. "
            f"Received: {len(paths) - len(labels)} of {len(paths)} directly in {folder}"
        )
    images = [_pixels(paths[0])]
    for path in paths[1:]:
        images.append(_pixels(path))
        if images[-1].shape != images[0].shape:
            raise ValueError(
                f"images must all have the shape of the first, {images[0].shape} of {paths[0]}. "
                f"Received: {images[-1].shape} of {path}"
            )
    x = np.stack([_unit(image) for image in images])
    return x, (np.array(labels) if labels else None)


def read_picture(path: Path, channels: int) -> np.ndarray:
    """Return one picture in [0, 1], `(height, width, channels)` float32.

    Args:
        path: Its file.
        channels: 1 for grey, which the mean of the colours is, or 3; grey has three equal ones.

    Raises:
        ValueError: The file is no picture, or there is no such number of channels.
    """
    if channels not in (1, 3):
        raise ValueError(f"pictures have 1 or 3 channels. Received: channels={channels}")
    x = _unit(_pixels(path))
    if x.shape[-1] == channels:
        return x
    return np.repeat(x, 3, axis=-1) if channels == 3 else x.mean(axis=-1, keepdims=True)


def write_picture(path: Path, x: np.ndarray) -> None:
    """Write a picture `(height, width, 1 or 3)`, of numbers from 0 to 1, as a PNG of 8 bits."""
    from PIL import Image

    pixels = np.rint(np.clip(x, 0.0, 1.0) * 255.0).astype("uint8")
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(path, "PNG")


def _paths(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _pixels(path: Path) -> np.ndarray:
    """Return one image's `(height, width, 1 or 3)`, uint8, or uint16 of a 16-bit grey one."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode.startswith("I"):
                # Pillow's own conversion of 16 bits to 8 clips instead of scaling.
                return np.clip(np.asarray(image), 0, 65535).astype("uint16")[..., None]
            pixels = np.asarray(image.convert("L" if image.mode in GREY else "RGB"))
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise unreadable(path, "a whole image", error) from error
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _unit(image: np.ndarray) -> np.ndarray:
    return image.astype("float32") / np.float32(np.iinfo(image.dtype).max)
