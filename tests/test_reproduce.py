"""What the reproductions share: the figures' file, their page, and the measures of their own."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from scipy import stats
from scipy.special import digamma

import keras_ae
from benchmarks import origin
from benchmarks.reproduce import (
    common,
    counts,
    data,
    dictionaries,
    documents,
    features,
    games,
    hierarchies,
    imputation,
    patches,
    quantized,
    rate_distortion,
    report,
    samples,
)
from benchmarks.reproduce.common import Case, Experiment, Published, Run
from benchmarks.reproduce.mlp_vae import relaxed_loss, temperature
from benchmarks.reproduce.schedules import steps
from benchmarks.reproduce.vade import accuracy, learning_rates
from keras_ae import datasets
from tests.contract.every import EVERY
from tests.real_data import needs

SOURCE = "https://example.org"


def published(figure: str, value: float, **others: Any) -> dict[str, Any]:
    return {
        "figure": figure,
        "value": value,
        "source": SOURCE,
        "spread": None,
        "epochs": None,
        "note": "",
        **others,
    }


def seed(**figures: float) -> dict[str, Any]:
    return {
        "figures": figures,
        "history": {"loss": [3.0, 2.0]},
        "seconds": {"training": 4.0},
        "commit": "abc",
        "machine": "a machine",
        "versions": {"keras": "3"},
    }


def file_of_figures(backend: str = "jax") -> dict[str, Any]:
    """Two cases, of which the second is short in one figure, by hand."""
    cases: dict[str, Any] = {
        "a": {
            "title": "first",
            "published": [published("loss", 100.0, spread=0.5)],
            "seeds": {"0": seed(loss=100.2), "1": seed(loss=100.4)},
        },
        "b": {
            "title": "second",
            "published": [
                published("loss", 90.0, epochs=1_000, note="table 1"),
                published("share", 0.5),
                published("other", 1.0),
            ],
            "seeds": {"0": seed(loss=101.0, share=0.75), "1": seed(loss=100.0, share=0.75)},
        },
    }
    for case in cases.values():
        common.summarise(case)
    return {
        "experiment": "one",
        "title": "One",
        "about": "About it.",
        "figures": {"loss": "loss, nats", "share": "a share", "other": "another"},
        "differs": ["This differs."],
        "higher": ["share"],
        "order": ["a", "b"],
        "ordered": "loss",
        "backend": backend,
        "settings": {"epochs": 2, "rows": None},
        "cases": cases,
    }


def written(folder: Path, *files: dict[str, Any]) -> str:
    folder.mkdir()
    for number, content in enumerate(files):
        (folder / f"{number}.json").write_text(json.dumps(content))
    return report.page(folder)


def test_the_page_has_published_figures_beside_ours(tmp_path: Path) -> None:
    page = written(tmp_path / "figures", file_of_figures())
    link = f"]({SOURCE})"
    assert f"| first | loss | [100.00{link} ± 0.50 | 100.30 ± 0.14 | +0.30 | 0, 1 | 2 | 4 |" in page
    cell = f"[90.00{link} (1,000 epochs; table 1)"
    assert f"| second | loss | {cell} | 100.50 ± 0.71 | +10.50 | 0, 1 | 2 | 4 |" in page
    assert f"| second | share | [0.5000{link} | 0.7500 ± 0.0000 | +0.2500 |" in page
    assert f"| second | other | [1.0000{link} | not run |" in page
    assert "**JAX**, keras 3, a machine; `benchmarks.reproduce.one`: epochs 2. Commit: abc." in page
    assert "* This differs.\n" in page


def test_the_page_says_where_ours_is_short_and_only_there(tmp_path: Path) -> None:
    page = written(tmp_path / "figures", file_of_figures())
    short = page.partition("Where ours is short:")[2].strip().splitlines()[0]
    assert short == (
        "* second, *loss*: 100.50 ± 0.71, 10.50 worse than 90.00, after 2 of its 1,000 epochs."
    )
    assert page.count(" worse than ") == 1
    # Within the published spread, more where more is better, short, and not run.
    assert "Of 4 comparisons ours reach 2 and fall short in 1," in page
    assert "; 1 have not been run." in page


def test_a_figure_of_an_earlier_epoch_is_not_said_to_be_after_fewer(tmp_path: Path) -> None:
    figures = file_of_figures()
    figures["cases"]["b"]["published"][0]["epochs"] = 1  # of the two that were run
    assert "10.50 worse than 90.00.\n" in written(tmp_path / "figures", figures)


def test_the_page_says_in_how_many_seeds_the_sources_order_holds(tmp_path: Path) -> None:
    page = written(tmp_path / "figures", file_of_figures())
    assert "The source's order, first < second, holds in 1 of 2 seeds." in page


def test_files_of_one_experiment_stand_together_and_what_one_has_run_is_run(tmp_path: Path) -> None:
    other = file_of_figures("torch")
    for run in other["cases"]["b"]["seeds"].values():
        run["figures"]["other"] = 2.0
    common.summarise(other["cases"]["b"])
    other["settings"]["rows"] = 10
    page = written(tmp_path / "figures", file_of_figures(), other)
    assert page.count("## One") == 1
    assert "not run" not in page
    assert "epochs 2, rows 10. Commit: abc. A trial: not all of the data." in page


def test_each_cluster_has_a_label_of_its_own() -> None:
    # Cluster 0 has five rows of class 0 and four of class 1, cluster 1 four of class 0: the best
    # is 4 + 4 of 13, and not the 5 of taking the largest number first.
    clusters = np.repeat([0, 0, 1], [5, 4, 4])
    labels = np.repeat([0, 1, 0], [5, 4, 4])
    assert accuracy(clusters, labels) == 8 / 13
    assert accuracy(labels, labels) == 1.0


def test_a_class_without_a_cluster_is_wrong() -> None:
    assert accuracy(np.array([0, 0, 0, 1]), np.array([2, 2, 1, 0])) == 3 / 4


def test_a_schedule_has_each_value_for_its_steps() -> None:
    schedule = steps([1.0, 0.5, 0.25], [2, 3, 1])
    found = [float(schedule(np.int32(step))) for step in range(8)]
    assert found == [1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]
    assert float(steps([0.5], [3])(np.int32(9))) == 0.5


def test_rates_and_temperatures_fall_as_in_their_sources() -> None:
    rates = learning_rates()
    np.testing.assert_allclose(rates[:3], [2e-3, 1.8e-3, 1.62e-3])
    assert rates[-1] == 2e-4
    annealed = temperature("annealed")
    # exp(-0.03) after 1,000 steps, times exp(-0.06) after 2,000.
    found = [float(annealed(np.int32(step))) for step in (0, 999, 1_000, 2_000, 10**6)]
    np.testing.assert_allclose(found, [1.0, 1.0, np.exp(-0.03), np.exp(-0.09), 0.1], rtol=1e-6)
    assert temperature("0.5") == 0.5


def test_grey_images_are_drawn_anew_in_each_epoch_and_the_same_for_a_seed() -> None:
    x = np.full((7, 50), 0.5, "float32")
    x[:, 0], x[:, 1] = 0.0, 1.0
    batches = data.Redrawn(x, batch_size=4, seed=3)
    first = [batches[i][0] for i in range(2)]
    assert [batch.shape for batch in first] == [(4, 50), (3, 50)]
    assert set(np.unique(first[0])) == {0.0, 1.0}
    assert not first[0][:, 0].any()
    assert first[0][:, 1].all()
    batches.start_epoch(1)
    assert (batches[0][0] != first[0]).any()
    batches.start_epoch(0)
    assert (batches[0][0] == first[0]).all()
    model = keras_ae.create("autoencoder", input_shape=(50,), latent_dim=2, hidden=[4])
    model.compile("adam")
    model.fit(batches, epochs=3, verbose=0)
    assert batches.epoch == 2


def test_pixels_are_read_as_they_were_published(tmp_path: Path, monkeypatch: Any) -> None:
    bits = np.random.default_rng(0).integers(0, 2, (3, data.PIXELS))
    folder = tmp_path / "binarized_mnist"
    folder.mkdir()
    for name in ("train", "test"):
        np.savetxt(folder / f"binarized_mnist_{name}.amat", bits, fmt="%d")
    monkeypatch.setenv("KERAS_AE_DATA", str(tmp_path))
    train, test = data.fixed(test_rows=2)
    np.testing.assert_array_equal(train, bits)
    np.testing.assert_array_equal(test, bits[:2])
    packed = np.packbits(1 - bits.astype("uint8"), axis=1)
    np.savez(folder / "binarized_mnist_packed.npz", train=packed, test=packed)
    np.testing.assert_array_equal(data.fixed()[0], 1 - bits)


def test_a_set_that_is_nowhere_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("KERAS_AE_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="must be in .KERAS_AE_DATA/binarized_mnist/"):
        data.fixed()


@pytest.mark.parametrize("code", ["categorical", "binary"])
def test_the_loss_at_relaxed_draws_is_the_one_of_numpy(code: str) -> None:
    bottleneck: Any = (
        keras_ae.bottlenecks.Categorical(3, 4)
        if code == "categorical"
        else keras_ae.bottlenecks.Binary(5)
    )
    model = keras_ae.LatentModel(
        (6,),
        bottleneck=bottleneck,
        prior="categorical" if code == "categorical" else "bernoulli",
        objective=[keras_ae.objectives.Reconstruction(), keras_ae.objectives.KLDivergence()],
        encoder={"name": "mlp", "hidden": []},
        likelihood="bernoulli",
    )
    x = np.random.default_rng(1).random((8, 6), dtype="float32")
    logits = model.posterior(x)["logits"].astype("float64")
    uniform = np.random.default_rng(0).random(logits.shape, dtype="float32").astype("float64")
    if code == "categorical":
        noisy = np.exp((logits - np.log(-np.log(uniform))) / 0.7)
        z = noisy / noisy.sum(-1, keepdims=True)
        rate = (np.exp(logits) * (logits + np.log(4))).sum((1, 2))
    else:
        z = 1 / (1 + np.exp(-(logits + np.log(uniform) - np.log1p(-uniform)) / 0.7))
        one = 1 / (1 + np.exp(-logits))
        rate = (one * np.log(2 * one) + (1 - one) * np.log(2 - 2 * one)).sum(1)
    decoded = keras.ops.convert_to_numpy(model.decoder(z.astype("float32"))).astype("float64")
    distortion = (np.logaddexp(0, decoded) - x * decoded).sum(1)
    found = relaxed_loss(model, x, 0.7)
    np.testing.assert_allclose(found, (rate + distortion).mean(), rtol=1e-5)


def constant(run: Run, options: argparse.Namespace) -> None:
    run.figures["loss"] = float(10 * options.epochs + run.seed)


TINY = Experiment(
    "tiny",
    "Tiny",
    "About it.",
    {"loss": "a loss"},
    (
        Case("a", "first", constant, (Published("loss", 1.0, SOURCE),)),
        Case("b", "second", constant),
    ),
    (),
    epochs=3,
    batch_size=8,
)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: Any) -> Any:
    """Run the tiny experiment with further arguments; its file is the same each time."""
    monkeypatch.setattr(origin, "commit", lambda: "abc")
    monkeypatch.setattr(origin, "versions", lambda: {"keras": "3"})
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    monkeypatch.setattr(keras.backend, "clear_session", lambda: None)
    out = tmp_path / "figures" / "tiny.json"

    def run(arguments: str) -> dict[str, Any]:
        common.main(TINY, [*arguments.split(), "--out", str(out)])
        found: dict[str, Any] = json.loads(out.read_text())
        return found

    return run


def test_an_experiment_goes_on_where_its_file_ends(tiny: Any) -> None:
    first = tiny("--seeds 0 --cases a")
    assert first["cases"]["a"]["mean"] == {"loss": 30.0}
    assert first["cases"]["b"]["seeds"] == {}
    second = tiny("--seeds 1 2")
    assert list(second["cases"]["a"]["seeds"]) == ["0", "1", "2"]
    assert second["cases"]["a"]["seeds"]["0"] == first["cases"]["a"]["seeds"]["0"]
    assert second["cases"]["a"]["mean"] == {"loss": 31.0}
    assert second["cases"]["a"]["std"] == {"loss": 1.0}
    assert second["cases"]["b"]["mean"] == {"loss": 31.5}
    assert second["cases"]["a"]["published"][0]["source"] == SOURCE
    assert second["settings"]["epochs"] == 3


def test_a_file_of_other_settings_is_kept(tiny: Any) -> None:
    tiny("--seeds 0")
    with pytest.raises(SystemExit, match="has other figures: settings .*'epochs': 3"):
        tiny("--seeds 0 --epochs 4")


# New digits.


@pytest.mark.slow
def test_every_variant_with_a_prior_is_in_the_table_of_samples() -> None:
    """But those that its page names."""
    left_out = {"ms_ssim_vae", "perceptual_vae", "autoencoder_kl", "riemannian_hamiltonian_vae"}
    left_out |= {"hierarchical_vae", "ladder_vae"}
    shown = {choices.get("variant", name) for name, choices in samples.VARIANTS.items()}
    for case in EVERY:
        model = keras_ae.create(case.name, input_shape=case.event_shape, **case.options)
        of_other_data = keras_ae.describe(case.name).family == "structured"
        if model.prior is not None and not of_other_data:
            assert case.name in shown | left_out, case.name
    assert not shown & left_out


@pytest.mark.slow
@needs("mnist")
def test_the_pinned_network_knows_digits() -> None:
    found = datasets.load("mnist")
    assert features.accuracy(found.x_test, found.y_test) > 0.98
    seen = features.features(found.x_test[:10])
    assert seen.shape == (10, features.SIZE)
    assert (seen.var(0) > 0).sum() > 32


@pytest.mark.slow
@needs("mnist")
@pytest.mark.parametrize(
    ("experiment", "case"),
    [
        (samples, "wae_mmd"),
        (samples, "rae_l2"),
        (samples, "conditional_vae"),
        (quantized, "vq_vae"),
        (dictionaries, "jump_relu_sae"),
        (hierarchies, "mnist_conv"),
        (games, "wae_gan_in_turn"),
        (games, "soft_intro_vae_at_once"),
    ],
)
def test_a_short_run_has_all_figures(experiment: Any, case: str, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    arguments = ["--backend", keras.backend.backend(), "--rows", "300", "--test-rows", "200"]
    arguments += ["--epochs", "1", "--seeds", "0", "--cases", case, "--out", str(out)]
    common.main(experiment.EXPERIMENT, arguments)
    figures = json.loads(out.read_text())["cases"][case]["seeds"]["0"]["figures"]
    assert set(figures) == set(experiment.EXPERIMENT.figures)
    assert np.isfinite(list(figures.values())).all()


@pytest.mark.slow
@needs("cifar10")
@pytest.mark.parametrize("case", ["mae", "pca"])
def test_a_short_run_of_patches_has_its_figure(case: str, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    arguments = ["--backend", keras.backend.backend(), "--rows", "200", "--test-rows", "100"]
    arguments += ["--epochs", "1", "--seeds", "0", "--cases", case, "--out", str(out)]
    common.main(patches.EXPERIMENT, arguments)
    figures = json.loads(out.read_text())["cases"][case]["seeds"]["0"]["figures"]
    assert 0.0 < figures["accuracy"] < 100.0


@pytest.mark.slow
def test_a_short_run_of_photographs_has_all_figures(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    arguments = ["--backend", keras.backend.backend(), "--rows", "16", "--test-rows", "1"]
    arguments += ["--epochs", "1", "--seeds", "0", "--cases", "trade_off_0.004"]
    common.main(rate_distortion.EXPERIMENT, [*arguments, "--out", str(out)])
    figures = json.loads(out.read_text())["cases"]["trade_off_0.004"]["seeds"]["0"]["figures"]
    assert {"bits", "psnr", "compress_seconds", "compress_megabytes"} <= set(figures)
    assert 0.0 < figures["compress_megabytes"] < figures["process_megabytes"]


def test_a_formats_curve_rises_and_is_read_between_its_points() -> None:
    x = rate_distortion.photograph("coffee")[:96, :96]
    points = rate_distortion.curve(x, [{"format": "JPEG"}, {"format": "JPEG", "optimize": True}])
    assert len(points) == 2 * len(rate_distortion.QUALITIES)
    assert (np.diff(points, axis=0) >= 0).all()
    points = np.array([[100.0, 20.0], [400.0, 24.0], [1_600.0, 26.0]])
    assert rate_distortion.at_bytes(points, 200) == pytest.approx(22.0)  # the middle of logs
    assert rate_distortion.at_bytes(points, 99) is None
    assert rate_distortion.at_bytes(points, 1_601) is None


def test_decibels_are_of_8_bit_pixels() -> None:
    x = np.full((4, 4, 3), 0.4, "float32")
    assert rate_distortion.psnr(x, x + 1 / 255) == pytest.approx(20 * np.log10(255), abs=1e-4)
    assert rate_distortion.psnr(0 * x, 0 * x + 2.0) == pytest.approx(0.0)  # white is the most


def test_crops_are_squares_of_the_pictures_or_their_halves() -> None:
    ramp = np.arange(530.0)[:, None, None] + 1000.0 * np.arange(560.0)[None, :, None]
    small = -ramp[:255]
    pictures = [np.repeat(x, 3, axis=2) for x in (ramp, small)]
    found = rate_distortion.crops(pictures, 20, seed=0)
    assert found.shape == (20, 256, 256, 3)
    down = np.diff(found, axis=1)
    assert np.isin(down, [1.0, 2.0]).all()
    across = np.diff(found, axis=2)
    assert set(np.unique(across)) <= {1000.0, -1000.0, 2000.0, -2000.0}
    assert (across > 0).any()
    assert (across < 0).any()


@pytest.mark.parametrize("encoder", ["conv", "resnet"])
def test_a_model_of_one_code_is_as_large_as_it_is_to_be(encoder: str) -> None:
    shape = (8, 8, 1)
    sizes = [
        hierarchies.parameters(hierarchies.of_one_level(shape, width, encoder))
        for width in range(1, 16)
    ]
    for wanted in (sizes[0] - 5, sizes[6] + 1, (sizes[10] + sizes[11]) // 2 + 20):
        found = hierarchies.parameters(hierarchies.as_large(shape, encoder, wanted))
        assert abs(found - wanted) == min(abs(size - wanted) for size in sizes)


def test_codes_of_even_use_have_the_largest_perplexity() -> None:
    even = np.arange(12).reshape(3, 4) % 4
    assert quantized.perplexity(even, (4,)) == pytest.approx(4.0)
    assert quantized.perplexity(0 * even, (4,)) == pytest.approx(1.0)
    both = np.stack([even, 0 * even], axis=-1)
    assert quantized.perplexity(both, (4, 2)) == pytest.approx(2.5)
    shares = stats.entropy([1, 3])
    assert quantized.perplexity(np.array([[1, 0, 1, 1]]), (2,)) == pytest.approx(np.exp(shares))


def test_the_bound_of_topics_is_below_the_integral_over_their_shares_and_near() -> None:
    class Topics:
        """Two topics of three words, and the variational posterior of Blei et al. (2003)."""

        components_ = np.array([[6.0, 3.0, 1.0], [1.0, 2.0, 7.0]])
        doc_topic_prior_ = 0.4

        def transform(self, counts: np.ndarray) -> np.ndarray:
            gamma = np.ones((len(counts), 2))
            for _ in range(200):
                logs = digamma(gamma)[..., None] + np.log(self.components_ / 10)
                shares = np.exp(logs - logs.max(1, keepdims=True))
                shares /= shares.sum(1, keepdims=True)
                gamma = 0.4 + (shares * counts[:, None]).sum(2)
            return gamma / gamma.sum(1, keepdims=True)

    words = Topics.components_ / 10
    counts = np.array([[3.0, 1.0, 0.0], [0.0, 1.0, 4.0], [2.0, 0.0, 2.0]])
    share = (np.arange(200_000) + 0.5) / 200_000
    mixed = np.stack([share, 1 - share], axis=1) @ words
    density = stats.beta(0.4, 0.4).pdf(share)
    exact = [np.log((np.exp(np.log(mixed) @ row) * density).mean()) for row in counts]
    got = documents.bound_of_topics(Topics(), counts, 20_000, seed=0)
    np.testing.assert_allclose(got, exact, atol=0.06)
    few = np.mean([documents.bound_of_topics(Topics(), counts, 1, seed=s) for s in range(300)], 0)
    assert (few < np.array(exact)).all()


def test_examples_are_sums_of_few_atoms() -> None:
    atoms = dictionaries.dictionary(0)
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1.0)
    x = dictionaries.examples(np.eye(40), 3_000, seed=1)  # the atoms' numbers themselves
    assert ((x != 0).sum(1) == dictionaries.ACTIVE).all()
    np.testing.assert_allclose((x != 0).mean(0), dictionaries.ACTIVE / 40, atol=0.05)
    assert stats.kstest(x[x > 0], stats.expon.cdf).pvalue > 1e-3


def test_a_dictionary_is_found_again_up_to_order_and_length() -> None:
    atoms = dictionaries.dictionary(0)[:50]
    learned = 3.0 * atoms[::-1]
    assert dictionaries.found_again(learned, atoms) == pytest.approx(1.0)
    assert dictionaries.found_again(-learned, atoms) < 0.6  # a direction has a sign
    assert dictionaries.found_again(learned[:25], atoms) < 0.9


def test_rows_that_were_not_run_are_named(tmp_path: Path) -> None:
    results = file_of_figures()
    results["cases"]["c"] = {"title": "third", "published": [], "seeds": {}}
    (tmp_path / "one.json").write_text(json.dumps(results))
    assert "Not run yet: third." in report.page(tmp_path)


def test_figures_that_nothing_was_published_beside_have_a_row_for_each_case(tmp_path: Path) -> None:
    results = file_of_figures()
    for case in results["cases"].values():
        case["published"] = []
    (tmp_path / "one.json").write_text(json.dumps(results))
    page = report.page(tmp_path)
    names = " | ".join(results["figures"])
    assert f"|  | {names} | seeds | epochs | seconds |" in page
    for case in results["cases"].values():
        rows = [line for line in page.splitlines() if line.startswith(f"| {case['title']} |")]
        assert len(rows) == bool(case["seeds"])


def test_half_of_a_table_is_missing_at_random_or_what_is_large() -> None:
    x = np.random.default_rng(0).normal(size=(2_000, 6)).astype("f4")
    assert abs(imputation.at_random(x, 0).mean() - 0.5) < 0.02
    seen = imputation.the_large_ones(x, 0)
    lacking = ~seen.all(0)
    assert lacking.sum() == 3
    np.testing.assert_array_equal(seen[:, lacking], x[:, lacking] <= 0)


def test_errors_are_those_of_the_missing_entries() -> None:
    x = np.arange(6.0).reshape(2, 3)
    seen = np.array([[1, 0, 1], [1, 1, 0]], "bool")
    assert imputation.error(x + np.array([9.0, 3.0, 4.0]), x, seen) == pytest.approx(np.sqrt(12.5))


@pytest.mark.slow
def test_a_table_is_filled_in_every_way(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    arguments = ["--backend", keras.backend.backend(), "--rows", "150", "--epochs", "2"]
    arguments += ["--seeds", "0", "--cases", "breast_cancer_at_random", "--out", str(out)]
    common.main(imputation.EXPERIMENT, arguments)
    found = json.loads(out.read_text())["cases"]["breast_cancer_at_random"]["seeds"]["0"]["figures"]
    assert set(found) == set(imputation.EXPERIMENT.figures)
    assert found["knn"] < found["mean"]


def test_counts_have_the_masses_of_what_is_nearest_to_them() -> None:
    class Fixed:
        """A model of log(1 + x) whose code says nothing: N(0.7, 0.25) for every entry."""

        class likelihood:
            variance = np.float32(0.25)

        def posterior(self, x: np.ndarray) -> dict[str, np.ndarray]:
            return {"mean": np.zeros((len(x), 2)), "log_var": np.zeros((len(x), 2))}

        def decode(self, z: np.ndarray) -> np.ndarray:
            return np.full((len(z), 1), 0.7)

    x = np.arange(60.0)[:, None]
    found = counts.bound_of_masses(Fixed(), x, 0)
    assert np.exp(found).sum() == pytest.approx(1.0, abs=1e-6)
    assert found[0] == pytest.approx(stats.norm(0.7, 0.5).logcdf(np.log(1.5)), rel=1e-6)


def test_the_perplexity_of_even_words_is_their_number() -> None:
    x = np.array([[1.0, 2.0, 0.0, 1.0], [0.0, 0.0, 3.0, 0.0]])
    log_prob = stats.multinomial.logpmf(x, x.sum(1), np.full(4, 0.25))
    assert documents.perplexity(log_prob, x) == pytest.approx(4.0)
