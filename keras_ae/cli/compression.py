"""Pictures as bytes, and back, by a trained run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from keras_ae.cli.rows import BACKEND, RUN, file_to_write, loaded

SUFFIX = ".kae"


@click.command()
@RUN
@click.argument("pictures", nargs=-1, required=True)
@click.option("--to", required=True, help=f"The {SUFFIX} file to write, or a folder of such.")
@BACKEND
def compress(run: str, pictures: tuple[str, ...], to: str, backend: str | None) -> None:
    """Write picture files as few bytes, by a model that was trained to."""
    targets = _targets(pictures, Path(to))
    codec = _codec(run, backend)
    from keras_ae.datasets.image_folders import read_picture
    from keras_ae.files import replacing

    for picture, target in zip(pictures, targets, strict=True):
        x = read_picture(Path(picture), channels=codec.model.event_shape[-1])
        stream = codec.compress(x)
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as partial:
            partial.write_bytes(stream)
        bits = 8 * len(stream) / (x.shape[0] * x.shape[1])
        click.echo(f"{target}: {len(stream)} bytes, {bits:.3f} bits a pixel")


@click.command()
@RUN
@click.argument("stream", type=click.Path(exists=True, dir_okay=False))
@file_to_write(".png")
@BACKEND
def decompress(run: str, stream: str, to: Path, backend: str | None) -> None:
    """Write the picture that `compress` made bytes of, by the same run."""
    codec = _codec(run, backend)
    from keras_ae.datasets.image_folders import write_picture
    from keras_ae.files import replacing

    x = codec.decompress(Path(stream).read_bytes())
    if x.ndim != 3:
        raise ValueError(
            f"a picture must have (height, width, channels). Received: a stream of {x.shape}"
        )
    with replacing(to) as partial:
        write_picture(partial, x)
    click.echo(f"{to}: {x.shape[1]} x {x.shape[0]} pixels")


def _codec(run: str, backend: str | None) -> Any:
    model = loaded(run, backend)
    from keras_ae.compression import Codec

    return Codec(model)


def _targets(pictures: tuple[str, ...], to: Path) -> list[Path]:
    """Return the file to write for each picture.

    Raises:
        ValueError: A picture is none, several were to be one file, or two would have one name.
    """
    for picture in pictures:
        if not Path(picture).is_file():
            raise ValueError(f"a picture must be a file. Received: {picture}")
    if to.suffix == SUFFIX:
        if len(pictures) > 1:
            raise ValueError(
                f"`--to` must be a folder for several pictures. Received: {to}, and "
                f"{len(pictures)} pictures"
            )
        return [to]
    targets = [to / f"{Path(picture).stem}{SUFFIX}" for picture in pictures]
    if len(set(targets)) < len(targets):
        raise ValueError(
            "pictures must have names of their own, without endings. Received: "
            f"{', '.join(pictures)}"
        )
    return targets
