"""Photographs as bytes, beside JPEG and WebP: `python -m benchmarks.reproduce.rate_distortion`."""

from __future__ import annotations

import argparse
import functools
import io
import json
import math
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.reproduce.common import Case, Experiment, Run, main

TRADE_OFFS = (0.001, 0.004, 0.016)
SIDE = 256
TRAINING = ("astronaut", "chelsea", "china", "flower")
TEST = ("coffee", "rocket")
OPTIONS: dict[str, Any] = {
    "latent_dim": 128,
    "hidden": (32, 32, 32),
    "hyper_dim": 32,
    "hyper_hidden": (32, 32),
}
JPEG = {"format": "JPEG", "optimize": True, "progressive": True}
FORMATS: dict[str, list[dict[str, Any]]] = {
    "jpeg": [{**JPEG, "subsampling": 0}, {**JPEG, "subsampling": 2}],
    "webp": [{"format": "WEBP", "method": 6}],
}
"""Other formats, and the options of Pillow of which the best counts."""
QUALITIES = (*range(1, 30, 2), *range(30, 96, 3))


def measure(run: Run, options: argparse.Namespace, trade_off: float) -> None:
    """Train on crops, and write and read again pictures that none of them is of."""
    import keras

    import keras_ae
    from keras_ae.compression import Codec

    x = crops([photograph(name) for name in TRAINING], options.rows or options.crops, run.seed)
    model = keras_ae.create(
        "hyperprior_autoencoder", input_shape=x.shape[1:], trade_off=trade_off, **OPTIONS
    )
    steps = options.epochs * -(-len(x) // options.batch_size)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)))
    run.fit(model, x, options)
    codec = Codec(model)
    found = [beside(codec, photograph(name)) for name in TEST[: options.test_rows]]
    for name in dict.fromkeys(name for row in found for name in row):
        run.figures[name] = float(np.mean([row[name] for row in found if name in row]))
    run.figures |= of_one_picture(model)


def beside(codec: Any, x: np.ndarray) -> dict[str, float]:
    """Return a picture's bits and errors, and other formats' errors in as many bytes."""
    stream = codec.compress(x)
    figures = {
        "bits": 8 * len(stream) / (x.shape[0] * x.shape[1]),
        "psnr": psnr(x, codec.decompress(stream)),
    }
    for name, ways in FORMATS.items():
        if (error := at_bytes(curve(x, ways), len(stream))) is not None:
            figures[name] = error
    return figures


def curve(x: np.ndarray, ways: list[dict[str, Any]]) -> np.ndarray:
    """Return what a format makes of a picture, `(points, 2)`: bytes, and the most dB in them.

    Args:
        x: The picture.
        ways: Options of Pillow, of which the best counts at each number of bytes.
    """
    from PIL import Image

    picture = Image.fromarray(pixels(x))
    points = []
    for way in ways:
        for quality in QUALITIES:
            stream = io.BytesIO()
            picture.save(stream, quality=quality, **way)
            seen = np.asarray(Image.open(stream).convert("RGB"))
            points.append((stream.tell(), psnr(x, seen / 255.0)))
    points.sort()
    best = np.maximum.accumulate([error for _, error in points])
    return np.column_stack([[size for size, _ in points], best])


def at_bytes(points: np.ndarray, size: int) -> float | None:
    """Return the dB at a number of bytes, between those measured; None if outside of them."""
    if not points[0, 0] <= size <= points[-1, 0]:
        return None
    return float(np.interp(math.log(size), np.log(points[:, 0]), points[:, 1]))


def psnr(x: np.ndarray, seen: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of pictures of 8 bits, dB."""
    from keras_ae.reports.errors import reconstruction_errors

    return reconstruction_errors(pixels(x), pixels(seen), peak=255.0)["psnr"]


def pixels(x: np.ndarray) -> np.ndarray:
    """Return numbers of [0, 1] as 8 bits."""
    return np.rint(255.0 * np.clip(x, 0.0, 1.0)).astype("uint8")


def photograph(name: str) -> np.ndarray:
    """Return a picture that scikit-image or scikit-learn comes with, `(h, w, 3)` in [0, 1]."""
    import skimage.data
    import sklearn.datasets

    if name in ("china", "flower"):
        x = sklearn.datasets.load_sample_image(f"{name}.jpg")
    else:
        x = getattr(skimage.data, name)()
    return x.astype("float32") / np.float32(255.0)


def crops(pictures: list[np.ndarray], rows: int, seed: int) -> np.ndarray:
    """Return squares of pictures whole and of half the size if they hold them, half mirrored."""
    random = np.random.default_rng(seed)
    halves = [x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2] for x in pictures]
    halves = [(x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4 for x in halves]
    sources = [x for x in (*pictures, *halves) if min(x.shape[:2]) >= SIDE]
    area = np.array([x.shape[0] * x.shape[1] for x in sources], "float64")
    found = []
    for i in random.choice(len(sources), size=rows, p=area / area.sum()):
        top, left = (random.integers(side - SIDE + 1) for side in sources[i].shape[:2])
        crop = sources[i][top : top + SIDE, left : left + SIDE]
        found.append(crop[:, ::-1] if random.random() < 0.5 else crop)
    return np.stack(found)


def of_one_picture(model: Any) -> dict[str, float]:
    """Return the seconds and memory of a picture of 512 x 768, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        model.save(path)
        command = [sys.executable, "-m", "benchmarks.reproduce.one_picture", str(path)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def cases() -> Iterator[Case]:
    """Yield a row for each trade-off."""
    for trade_off in TRADE_OFFS:
        yield Case(
            f"trade_off_{trade_off}",
            f"`hyperprior_autoencoder`, trade_off={trade_off}",
            functools.partial(measure, trade_off=trade_off),
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the number of crops."""
    parser.add_argument("--crops", type=int, default=500, help=f"of {SIDE} x {SIDE} pixels")


EXPERIMENT = Experiment(
    "rate_distortion",
    "Photographs as bytes",
    f"500 crops of {SIDE} x {SIDE} of four photographs ({', '.join(TRAINING)}) and of their "
    "halves; blocks of 8 x 8 and three strided 5 x 5 convolutions with divisive normalization, 32 "
    "wide, 128 channels, Adam 1e-3 with cosine decay, batch 2. Measured on two other photographs "
    f"({' and '.join(TEST)}), whole, from the bytes written to the pixels read.",
    {
        "bits": "bits a pixel of the stream, its header included",
        "psnr": "dB of the 8-bit pixels, the mean of the two photographs",
        "jpeg": "dB of JPEG in as many bytes (Pillow; optimised, progressive, the better of two "
        "samplings of colour; between measured qualities)",
        "webp": "the same of WebP, method 6",
        "compress_seconds": "of a photograph of 512 x 768 after the first, on one thread",
        "decompress_seconds": "the same of its bytes",
        "compress_megabytes": "memory beyond that of the loaded model, the most at any time while "
        "it compresses and decompresses",
        "process_megabytes": "all of the process's, the backend included",
    },
    tuple(cases()),
    (
        "Nothing was published of so small a model and so few photographs: published models learn "
        "from ten thousands of them for a million steps.",
    ),
    epochs=16,
    batch_size=2,
    higher=("psnr",),
    seeds=(0,),
    options=add_arguments,
)

if __name__ == "__main__":
    main(EXPERIMENT)
