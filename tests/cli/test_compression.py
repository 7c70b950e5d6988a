from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from keras_ae.cli.main import main

pytestmark = pytest.mark.filterwarnings("ignore:an example of shape:UserWarning")
"""Models of tests are trained on small examples."""

SMALL = ("--latent-dim", 4, "--hidden", 8, "--hyper-dim", 2, "--hyper-hidden", 4)


def run(*arguments: Any) -> None:
    main([str(a) for a in arguments])


def size(path: Path) -> Any:
    with Image.open(path) as image:
        return image.size


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compression")
    rng = np.random.default_rng(0)
    (folder / "photos").mkdir()
    for i in range(8):
        steep = np.linspace(0, 255, 16) * rng.random()
        pixels = np.clip(steep[:, None, None] + rng.normal(scale=9, size=(16, 16, 3)), 0, 255)
        Image.fromarray(pixels.astype("uint8")).save(folder / "photos" / f"{i}.png")
    run(
        *("train", "hyperprior_autoencoder", "--data", folder / "photos", "--out", folder / "run"),
        *("--epochs", 2, "--batch-size", 4, *SMALL),
    )
    return folder


def test_pictures_become_bytes_and_pictures_again(folder: Path, tmp_path: Path) -> None:
    run("compress", folder / "run", folder / "photos" / "3.png", "--to", tmp_path / "a.kae")
    run("decompress", folder / "run", tmp_path / "a.kae", "--to", tmp_path / "a.png")
    assert size(tmp_path / "a.png") == (16, 16)
    Image.fromarray(np.zeros((20, 31), "uint8")).save(tmp_path / "grey.png")
    both = (folder / "photos" / "1.png", tmp_path / "grey.png")
    run("compress", folder / "run", *both, "--to", tmp_path / "streams")
    assert {p.name for p in (tmp_path / "streams").iterdir()} == {"1.kae", "grey.kae"}
    run("decompress", folder / "run", tmp_path / "streams" / "grey.kae", "--to", tmp_path / "g.png")
    assert size(tmp_path / "g.png") == (31, 20)


def test_impossible_files_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "foreign.kae").write_bytes(b"GIF89a")
    photo = folder / "photos" / "1.png"
    for arguments, message in (
        (("decompress", folder / "run", tmp_path / "foreign.kae", "--to", "a.png"), "begin with"),
        (("compress", folder / "run", tmp_path / "none.png", "--to", "a.kae"), "must be a file"),
        (("compress", folder / "run", photo, photo, "--to", tmp_path), "names of their own"),
        (("compress", folder / "run", photo, photo, "--to", "a.kae"), "must be a folder"),
        (("decompress", folder / "run", photo, "--to", "a.jpg"), "must end in .png"),
    ):
        with pytest.raises(SystemExit):
            run(*arguments)
        assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("*.png"))
