"""The claims of the primer, on data that every machine has and on MNIST where it is.

Each example runs as a user runs it, at a reduced size.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.real_data import needs

EXAMPLES = Path(__file__).parents[2] / "examples"
PRIMER = sorted(path.stem for path in EXAMPLES.glob("*.py"))


def example(name: str) -> Callable[[list[str]], dict[str, float]]:
    """Return an example's `main`, which takes its arguments and returns its figures."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    main: Callable[[list[str]], dict[str, float]] = module.main
    return main


def run(name: str, arguments: str) -> dict[str, float]:
    return example(name)(arguments.split())


def test_every_example_is_short_and_is_run_here() -> None:
    text = Path(__file__).read_text()
    assert len(PRIMER) >= 5
    for name in PRIMER:
        assert f'run("{name}"' in text
        assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) < 150


def test_the_primers_program_loses_what_a_plain_torch_loop_loses() -> None:
    found = run("primer_program", "--data digits --latent-dim 16 --epochs 5")
    assert found["largest_difference"] < 1e-4


@pytest.mark.slow
@needs("mnist")
def test_the_primers_program_on_mnist() -> None:
    found = run("primer_program", "--data mnist --rows 6000 --epochs 5")
    assert found["largest_difference"] < 1e-4


@pytest.mark.slow
def test_a_linear_autoencoder_is_pca_and_a_deep_one_beats_it() -> None:
    found = run("dimensionality_reduction", "--data digits --epochs 60 --latent-dim 4")
    assert found["linear_over_pca"] < 1.01
    assert found["angle"] < 1.0
    assert found["deep_over_pca"] < 1.0


@pytest.mark.slow
@needs("mnist")
def test_a_deep_autoencoder_beats_pca_on_mnist() -> None:
    found = run("dimensionality_reduction", "--data mnist --rows 6000 --epochs 10")
    assert found["deep_over_pca"] < 1.0


@pytest.mark.slow
def test_codes_are_features_for_a_classifier() -> None:
    found = run("features_for_a_classifier", "--data digits --epochs 4 --seeds 1")
    assert set(found) == {"autoencoder", "denoising_autoencoder", "PCA"}
    assert min(found.values()) > 0.6  # one in ten by chance


@pytest.mark.slow
@needs("mnist")
def test_restored_images_are_closer_than_filtered_ones() -> None:
    found = run("image_denoising", "--data mnist --rows 6000 --epochs 8 --noise 0.3")
    assert found["denoising autoencoder"] > found["Gaussian filter"] > found["noisy"]


def test_denoising_writes_a_picture(tmp_path: Path) -> None:
    picture = tmp_path / "restored.png"
    run("image_denoising", f"--data digits --epochs 1 --picture {picture}")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_what_was_never_seen_scores_as_an_anomaly() -> None:
    found = run("anomaly_detection", "--data digits --epochs 15 --kinds 2")
    assert found["autoencoder"] > 0.7
    assert 0.5 < found["PCA"] < 1.0


@pytest.mark.slow
@needs("mnist")
def test_digits_left_out_are_found_better_than_by_pcas_residual() -> None:
    found = run("anomaly_detection", "--data mnist --rows 4000 --epochs 5")
    assert found["autoencoder"] > found["PCA"]
