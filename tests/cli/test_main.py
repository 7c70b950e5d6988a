from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
import pandas as pd
import pytest

import keras_ae
from keras_ae.cli import settings
from keras_ae.cli.main import cli, main

BACKEND = keras.backend.backend()
COMMAND = Path(sys.executable).parent / "keras-ae"


def run(*arguments: Any) -> None:
    main([str(a) for a in arguments])


def error_of(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    assert stop.value.code == 2
    message = capsys.readouterr().err.strip()
    assert message.startswith("keras-ae: error: ")
    assert "\n" not in message
    return message


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "vae"
    run(
        *("train", "vae", "--data", "digits", "--out", folder, "--limit", 200, "--epochs", 2),
        *("--hidden", "16", "--latent-dim", 3, "--likelihood", "bernoulli"),
    )
    return folder


def test_a_run_folder_holds_what_a_run_promises(trained: Path) -> None:
    assert {p.name for p in trained.iterdir()} == {
        *("model.keras", "checkpoint.keras", "config.yaml", "history.csv", "metrics.json"),
        *("loss_curves.png", "reconstructions.png", "codes.png", "samples.png", "traversal.png"),
    }
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["weights"] == {"reconstruction": 1.0, "kl": 1.0}
    for part in ("train", "validation", "test"):
        figures = metrics[part]
        assert figures["loss"] == pytest.approx(figures["reconstruction"] + figures["kl"], rel=1e-5)
        assert figures["mse"] > 0
    assert metrics["pca"]["components"] == 3
    assert set(metrics["linear_probe"]) == {"codes", "pca", "raw"}
    assert metrics["backend"] == BACKEND


def test_a_config_trains_the_same_again(trained: Path, tmp_path: Path) -> None:
    run("train", "--config", trained / "config.yaml", "--out", tmp_path / "again")
    first, again = (
        json.loads((p / "metrics.json").read_text()) for p in (trained, tmp_path / "again")
    )
    assert again["test"] == pytest.approx(first["test"], rel=1e-6)


@pytest.mark.parametrize("verb", ["encode", "reconstruct", "score"])
def test_a_run_folder_is_used_on_data(trained: Path, tmp_path: Path, verb: str) -> None:
    run(verb, trained, "--data", "digits", "--limit", 7, "--to", tmp_path / "out.npy")
    shape = {"encode": (7, 3), "reconstruct": (7, 8, 8, 1), "score": (7,)}[verb]
    assert np.load(tmp_path / "out.npy").shape == shape


def test_evaluation_prints_what_training_measured(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("evaluate", trained, "--limit", 200)
    printed = json.loads(capsys.readouterr().out)
    measured = json.loads((trained / "metrics.json").read_text())["test"]
    assert printed == pytest.approx(measured, rel=1e-5)


def test_an_evaluation_can_be_written(trained: Path, tmp_path: Path) -> None:
    run("evaluate", trained, "--limit", 200, "--to", tmp_path / "figures.json")
    written = json.loads((tmp_path / "figures.json").read_text())
    metrics = json.loads((trained / "metrics.json").read_text())
    assert written["loss"] == pytest.approx(metrics["test"]["loss"], rel=1e-5)


def test_runs_are_described_and_listed(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figure = f"{json.loads((trained / 'metrics.json').read_text())['test']['mse']:.5g}"
    run("describe", trained)
    described = capsys.readouterr().out
    assert "latent_dim = 3" in described
    assert "finished, 2 epochs" in described
    assert figure in described
    run("list", trained.parent)
    assert re.search(rf"vae .* digits .* 3 .* finished .*{figure}", capsys.readouterr().out)


def test_a_likelihood_is_printed_or_written_row_by_row(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("log-prob", trained, "--samples", 3, "--limit", 20, "--to", tmp_path / "rows.npy")
    values = np.load(tmp_path / "rows.npy")
    assert values.shape == (20,)
    run("log-prob", trained, "--samples", 3, "--limit", 20, "--to", tmp_path / "all.json")
    figures = json.loads((tmp_path / "all.json").read_text())
    assert figures["log_prob"] == pytest.approx(values.mean(), rel=1e-6)
    assert figures["bits_per_dim"] == pytest.approx(-values.mean() / 64 / np.log(2), rel=1e-6)
    assert figures["rows"] == 20
    assert figures["standard_error"] == pytest.approx(values.std(ddof=1) / 20**0.5, rel=1e-5)
    capsys.readouterr()
    run("log-prob", trained, "--samples", 2, "--limit", 1)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["standard_error"] is None
    assert "chunk" in printed.err or "1/1" in printed.err


def test_levels_are_checked_before_a_likelihood_is_estimated(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(keras_ae.bounds.Bounds, "log_prob", None)
    for levels in (0, -1):
        message = error_of(capsys, "log-prob", trained, "--levels", levels)
        assert "`levels` must be a whole number of at least 1" in message
    assert "Leave `levels` out" in error_of(capsys, "log-prob", trained, "--levels", 256)


def test_a_fitted_sampler_is_stored_in_the_run(trained: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(trained, copy)
    options = ["--count", 4, "--seed", 1, "--to", tmp_path / "drawn.npy"]

    def drawn(*more: Any) -> np.ndarray:
        run("sample", copy, *options, *more)
        return np.load(tmp_path / "drawn.npy")

    from_prior = drawn()
    chosen = ["--sampler", "class_mixtures", "--sampler.components", 1]
    run("fit-sampler", copy, *chosen, "--limit", 200)
    assert (drawn("--label", 3) != from_prior).any()
    assert (drawn("--label", "3.0") == drawn("--label", 3)).all()
    run("train", "--resume", copy)
    assert (drawn("--label", 3) != from_prior).any()  # measured again, it still has its sampler
    run("fit-sampler", copy, "--sampler", "prior")
    np.testing.assert_array_equal(drawn(), from_prior)


@pytest.mark.slow
def test_the_command_opens_a_run_with_a_sampler(trained: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(trained, copy)
    for arguments in (
        ["fit-sampler", copy, "--sampler", "kernel_density", "--limit", "50"],
        ["sample", copy, "--count", "3", "--to", tmp_path / "drawn.npy"],
    ):
        done = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "drawn.npy").shape == (3, 8, 8, 1)


@pytest.mark.slow
def test_a_network_of_features_is_named_by_its_file(tmp_path: Path) -> None:
    file, folder = tmp_path / "features.keras", tmp_path / "run"
    layers = [keras.layers.Flatten(name="flat"), keras.layers.Dense(5, "tanh", name="features")]
    keras.Sequential([keras.Input((8, 8, 1)), *layers]).save(file)
    run(
        *("train", "perceptual_vae", "--data", "digits", "--out", folder, "--limit", 60),
        *("--epochs", 1, "--hidden", 4, "--network", file, "--layers", "flat,features"),
    )
    file.unlink()  # the model holds it
    run("score", folder, "--data", "digits", "--limit", 7, "--to", tmp_path / "out.npy")
    assert np.isfinite(np.load(tmp_path / "out.npy")).all()


def test_samples_are_numbers_or_a_picture(trained: Path, tmp_path: Path) -> None:
    run("sample", trained, "--count", 5, "--to", tmp_path / "drawn.npy")
    assert np.load(tmp_path / "drawn.npy").shape == (5, 8, 8, 1)
    run("sample", trained, "--count", 5, "--to", tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("trian",), "Did you mean 'train'"),
        (("train", "vea"), "Did you mean 'vae'"),
        (("train", "vae", "--out", "x"), "Missing option '--data'"),
        (("train", "vae", "--data", "mnits", "--out", "x"), "Did you mean 'mnist'"),
        (("train", "vae", "--data", "digits", "--out", "x", "--latent-dims", "3"), "--latent-dim"),
        (("train", "vae", "--data", "digits", "--out", "x", "--latent-dim", "0"), "`latent_dim`"),
        (("train", "vae", "--data", "digits", "--out", "x", "--epochs", "0"), "`epochs`"),
        (("train", "vae", "--data", "digits", "--out", "x", "--backend", "mxnet"), "one of"),
        (("train", "vae", "--data", "digits", "--out", "x", "--likelihood", "bern"), "bernoulli"),
        (("describe", "vea"), "Did you mean 'vae'"),
        (("score", "not_there", "--to", "a.npy"), "must hold model.keras"),
        (("train", "--config", "not_there.yaml", "--out", "x"), "must be a YAML file"),
        (("train", "vae", "--data", "digits", "--out", "x", "--seed", "-1"), "`seed` must be"),
        (("train", "vae", "--data", "digits", "--out", "x", "--learning-rate", "inf"), "above 0"),
        (("train", "vae", "--data", "digits", "--out", ""), "`--out` must be the folder"),
        (("train", "vae", "--data", "", "--out", "x"), "`data` must be a name or a path"),
        (("train", "vae", "--data", "digits", "--out", "x", "--export", "../x"), "a model's name"),
        (("train", "--out", "x"), "a variant, --config or --resume"),
        (("train", "--resume", "x", "--out", "y"), "without --config and --out"),
        (("train", "--resume", "x", "vae", "--data", "digits", "--out", "y"), "must stand behind"),
        (("score", "x", "--label-column", "a", "--to", "a.npy"), "must come with `--data`"),
        (("score", "x", "--limit", "-1", "--to", "a.npy"), "`limit` must be at least 1"),
        (("list", "."), "a folder of runs must hold one"),
        (("sample", "x", "--count", "0", "--to", "a.npy"), "--count"),
        (("fit-sampler", "x", "--sampler", "prior", "--data", "y"), "Received: --data"),
        (("encode", "not_there", "--to", "a.txt"), ".npy or .csv"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    arguments: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in error_of(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_and_ending_are_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ".npy or .csv" in error_of(capsys, "encode", trained, "--to", tmp_path / "a.txt")
    (tmp_path / "file").write_text("")
    inside = tmp_path / "file" / "run"
    error_of(capsys, "train", "vae", "--data", "digits", "--limit", 20, "--out", inside)


def test_help_is_quick_and_imports_no_keras() -> None:
    for arguments in (["--help"], ["train", "vae", "--help"], ["list"]):
        code = (
            "import sys; sys.argv = ['keras-ae', *sys.argv[1:]]\n"
            "from keras_ae.cli.main import main\n"
            "import atexit; atexit.register(lambda: print('keras' in sys.modules))\n"
            "main()"
        )
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        child = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        # The processor's time, which a busy machine lengthens less than the clock's.
        assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5
        assert child.stdout.endswith("False\n")


def test_the_command_is_installed_and_answers() -> None:
    child = subprocess.run([COMMAND, "list"], capture_output=True, text=True, check=True)
    assert "beta_vae" in child.stdout


def test_a_missing_backend_is_one_line() -> None:
    child = subprocess.run(
        [COMMAND, "train", "vae", "--data", "digits", "--out", "x", "--backend", "jaxx"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "KERAS_BACKEND": "nothing"},
    )
    assert child.returncode == 2
    assert child.stderr.count("\n") == 1


@pytest.mark.slow
def test_how_it_is_trained_can_be_chosen(tmp_path: Path) -> None:
    run(
        *("train", "denoising_autoencoder", "--data", "digits", "--out", tmp_path / "run"),
        *("--limit", 60, "--epochs", 2, "--batch-size", 20, "--hidden", 8, "--latent-dim", 2),
        *("--precision", "mixed_bfloat16", "--gradient-clip", 0.5),
        *("--learning-rate-schedule", "exponential", "--corruption.scale", 0.1),
    )
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    assert model.dtype_policy.name == "mixed_bfloat16"
    assert model.optimizer.global_clipnorm == 0.5
    assert model.corruption.scale == 0.1
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-5, rel=1e-3)  # after 6 steps
    assert (tmp_path / "run" / "denoising.png").is_file()
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.slow
def test_training_exports_when_asked_and_again_as_the_next_version(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = tmp_path / "saved_models"
    run(
        *("train", "--config", trained / "config.yaml", "--out", tmp_path / "digits"),
        *("--export", "--saved-models", repository),
    )
    run("export", tmp_path / "digits", "--to", repository)
    run("export", tmp_path / "digits", "--to", repository, "--name", "other")
    found = sorted(p.parent.relative_to(repository) for p in repository.rglob("saved_model.pb"))
    assert [str(path) for path in found] == ["digits/1", "digits/2", "other/1"]
    assert "largest difference from the model" in capsys.readouterr().out


@pytest.mark.slow
def test_ctrl_c_ends_the_command_with_a_run_that_resumes(tmp_path: Path) -> None:
    command = [COMMAND, "train", "vae", "--data", "digits", "--hidden", "8", "--epochs", "400"]
    child = subprocess.Popen(
        [*map(str, command), "--out", str(tmp_path / "run")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    history = tmp_path / "run" / "history.csv"
    while child.poll() is None and not history.is_file():
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=40)
    assert child.returncode == 130
    assert "go on with: keras-ae train --resume" in errors
    assert "Traceback" not in errors
    before = len(history.read_text().splitlines()) - 1
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["status"] == "interrupted"
    assert before - 1 <= metrics["epochs"] <= before
    run("evaluate", tmp_path / "run", "--limit", 20)


def test_the_documentation_has_a_row_for_every_verb_with_all_its_options() -> None:
    text = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| `")]
    table = {row[1].strip(" `").partition(" ")[0]: "" for row in rows}
    for row in rows:
        table[row[1].strip(" `").partition(" ")[0]] += "|".join(row[1:])
    assert set(cli.commands) <= set(table)
    for name, command in cli.commands.items():
        options = [p.opts[0] for p in command.params if isinstance(p, click.Option)]
        if name == "train":
            options += [option.opts[0] for option in settings.options()]
        options = [o for o in options if "." not in o]  # of the parts, named as a whole
        explained = re.findall(r"--[\w-]+", table[name])
        assert sorted(set(options) - set(explained)) == [], name


def test_a_file_is_scored_whole_and_in_its_order(trained: Path, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((6, 8, 8, 1)).astype("float32")
    np.save(tmp_path / "new.npy", rows)
    np.save(tmp_path / "one.npy", rows[:1])
    wanted = keras.saving.load_model(trained / "model.keras").score(rows)
    for arguments, expected in (
        (("new.npy",), wanted),
        (("new.npy", "--part", "all"), wanted),
        (("new.npy", "--limit", 2), wanted[:2]),
        (("one.npy",), wanted[:1]),
    ):
        name, *rest = arguments
        run("score", trained, "--data", tmp_path / name, *rest, "--to", tmp_path / "scores.npy")
        np.testing.assert_allclose(np.load(tmp_path / "scores.npy"), expected, rtol=1e-5)


def test_a_runs_own_rows_are_its_test_rows_unless_said(trained: Path, tmp_path: Path) -> None:
    for part, count in ((None, 200), ("train", 200), ("all", 400)):
        chosen = () if part is None else ("--part", part)
        run("encode", trained, *chosen, "--to", tmp_path / "codes.npy")
        assert len(np.load(tmp_path / "codes.npy")) == count


def test_the_labels_of_a_table_are_left_out_of_its_rows(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).random((30, 4)), columns=list("abcd"))
    frame.assign(kind=["u", "v"] * 15).to_csv(tmp_path / "table.csv", index=False)
    common = ("--data", tmp_path / "table.csv", "--label-column", "kind")
    options = ("--hidden", 4, "--latent-dim", 2, "--epochs", 1, "--out", tmp_path / "run")
    run("train", "autoencoder", *common, *options)
    run("score", tmp_path / "run", *common, "--to", tmp_path / "scores.csv")
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == 30
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert set(metrics["linear_probe"]) == {"codes", "pca", "raw"}


def table_with_a_gap(path: Path) -> Path:
    frame = pd.DataFrame(np.random.default_rng(0).random((30, 4)), columns=list("abcd"))
    frame.loc[20, "b"] = np.nan
    frame.to_csv(path, index=False)
    return path


def test_a_gap_in_the_data_is_told_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = table_with_a_gap(tmp_path / "table.csv")
    options = ("--hidden", 4, "--latent-dim", 2, "--epochs", 1, "--out", tmp_path / "run")
    message = error_of(capsys, "train", "autoencoder", "--data", table, *options)
    assert "nan at row 20, column 'b', and 1 such entries" in message
    assert not (tmp_path / "run").exists()
    run("train", "autoencoder", "--data", table, *options, "--missing", "mask")
    assert np.isfinite(json.loads((tmp_path / "run" / "metrics.json").read_text())["test"]["loss"])


def test_a_training_into_a_run_folder_takes_its_place(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "run")
    options = ("--data", "digits", "--limit", 30, "--epochs", 1, "--hidden", 4)
    run("train", "autoencoder", *options, "--out", tmp_path / "run")
    assert not (tmp_path / "run" / "samples.png").exists()
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 2


def test_a_training_that_diverges_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--data", "digits", "--limit", 60, "--epochs", 3, "--hidden", 4)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.simplefilter("ignore", DeprecationWarning)
        run("train", "autoencoder", *options, "--learning-rate", 1e30, "--out", tmp_path / "run")
    told = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert len(told) == 1
    assert told[0].startswith("keras-ae: warning: Training stopped: the loss became")
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["status"] == "diverged"
    run("evaluate", tmp_path / "run")


def test_a_run_is_used_from_any_folder_and_knows_its_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).random((30, 4)), columns=list("abcd"))
    frame.assign(kind=["u", "v"] * 15).to_csv(tmp_path / "table.csv", index=False)
    monkeypatch.chdir(tmp_path)
    options = ("--label-column", "kind", "--hidden", 4, "--latent-dim", 2, "--epochs", 1)
    run("train", "autoencoder", "--data", "table.csv", *options, "--out", "run")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run("score", "../run", "--to", "own.npy")
    run("score", "../run", "--data", "../table.csv", "--to", "all.npy")
    assert (len(np.load("own.npy")), len(np.load("all.npy"))) == (6, 30)


def test_labels_that_no_probe_can_learn_leave_it_out(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).random((30, 4)), columns=list("abcd"))
    options = ("--hidden", 4, "--latent-dim", 2, "--epochs", 1, "--out", tmp_path / "run")
    for labels in (np.zeros(30), np.arange(30.0)):
        frame.assign(label=labels).to_csv(tmp_path / "table.csv", index=False)
        run("train", "autoencoder", "--data", tmp_path / "table.csv", *options)
        assert "linear_probe" not in json.loads((tmp_path / "run" / "metrics.json").read_text())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("variant: vae\ndata: digits\nepochs: abc\n", "`epochs` must be a whole number"),
        ("variant: vae\ndata: 5\n", "`data` must be text"),
        ("variant: vae\n", "settings must have `data`"),
        ("variant: nope\ndata: digits\n", "a variant must be one of"),
        ("variant: vae\ndata: digits\nepocs: 1\n", "Did you mean 'epochs'"),
        (
            "variant: vae\ndata: digits\nhyper_parameters: {latent: 3}\n",
            "mean 'latent_dim'",
        ),
    ],
)
def test_settings_are_checked_whatever_reads_them(
    text: str,
    message: str,
    trained: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(trained, tmp_path / "run")
    config = tmp_path / "run" / "config.yaml"
    config.write_text(text)
    for arguments in (
        ("train", "--config", config, "--out", tmp_path / "other"),
        ("train", "--resume", tmp_path / "run"),
        ("score", tmp_path / "run", "--to", tmp_path / "a.npy"),
    ):
        assert message in error_of(capsys, *arguments)


def test_a_short_config_is_enough_for_every_verb(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "run")
    (tmp_path / "run" / "config.yaml").write_text("variant: vae\ndata: digits\n")
    run("score", tmp_path / "run", "--limit", 3, "--to", tmp_path / "a.npy")
    assert np.load(tmp_path / "a.npy").shape == (3,)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(
    trained: Path, tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for verb in (("evaluate",), ("sample", "--to", tmp_path / "a.npy")):
        message = error_of(capsys, verb[0], trained, "--seed", seed, *verb[1:])
        assert "`seed` must be a whole number from 0" in message


def test_the_traceback_is_shown_wherever_it_is_asked_for(tmp_path: Path) -> None:
    for arguments in (
        ("--traceback", "score", "nothing", "--to", "a.npy"),
        ("score", "nothing", "--to", "a.npy", "--traceback"),
    ):
        with pytest.raises(FileNotFoundError):
            run(*arguments)


def test_what_nobody_expected_is_one_line_too(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no memory\nfor this")

    monkeypatch.setattr(keras_ae.LatentModel, "evaluate", fail)
    message = error_of(capsys, "evaluate", trained)
    assert "RuntimeError: no memory (--traceback shows where)" in message


def test_a_variant_of_pairs_trains_on_them_and_is_used_on_examples(
    tmp_path: Path, capsys: Any
) -> None:
    np.save(tmp_path / "pairs.npy", np.random.default_rng(0).random((40, 2, 5)))
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).random((9, 5)))
    data, out = tmp_path / "pairs.npy", tmp_path / "run"
    run("train", "ada_gvae", "--data", data, "--out", out, "--epochs", 1, "--latent-dim", 2)
    run("encode", out, "--to", tmp_path / "own.npy", "--part", "all")
    run("encode", out, "--to", tmp_path / "other.npy", "--data", tmp_path / "rows.npy")
    assert np.load(tmp_path / "own.npy").shape == (80, 2)
    assert np.load(tmp_path / "other.npy").shape == (9, 2)
    alone = ("train", "ada_gvae", "--data", tmp_path / "rows.npy", "--out", tmp_path / "no")
    assert "trains on groups, rows of the shape (2, ...)" in error_of(capsys, *alone)
    assert not (tmp_path / "no").exists()


def test_impute_writes_rows_without_gaps(tmp_path: Path, capsys: Any) -> None:
    x = np.random.default_rng(0).random((40, 4))
    x[::3, 1] = np.nan
    np.save(tmp_path / "gaps.npy", x)
    data, out = tmp_path / "gaps.npy", tmp_path / "run"
    run("train", "missing_data_iwae", "--data", data, "--out", out, "--epochs", 1, "--samples", 2)
    run("impute", out, "--data", data, "--samples", 5, "--to", tmp_path / "filled.csv")
    filled = np.loadtxt(tmp_path / "filled.csv", delimiter=",")
    assert np.isfinite(filled).all()
    np.testing.assert_allclose(filled[~np.isnan(x)], x[~np.isnan(x)], rtol=1e-6)
    run("impute", out, "--data", data, "--imputations", 3, "--to", tmp_path / "filled.npy")
    assert np.load(tmp_path / "filled.npy").shape == (3, 40, 4)
    wrong = error_of(
        capsys, "impute", out, "--imputations", 3, "--to", tmp_path / "filled.csv", "--data", data
    )
    assert "must end in .npy" in wrong
