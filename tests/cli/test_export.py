from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

import keras_ae
from keras_ae import exporting
from keras_ae.cli import export
from keras_ae.cli.main import main
from keras_ae.exporting import Copy, ExportReport

Given = list[dict[str, Any]]


def run(*arguments: Any) -> None:
    main([str(a) for a in arguments])


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    """What the command asks of the exporter, which is not run."""
    seen: Given = []

    def instead(run: Path, to: Path, formats: Any, **options: Any) -> ExportReport:
        options["progress"]("onnx: written")
        seen.append({"run": run, "to": to, "formats": list(formats), **options})
        return ExportReport(to, {"onnx": Copy({"encode": 2e-7}, 1.0)}, ("encode",))

    monkeypatch.setattr(exporting, "export", instead)
    return seen


def test_several_formats_may_follow_one_option(given: Given, tmp_path: Path) -> None:
    run(
        *("export", tmp_path / "vae", "--format", "saved_model", "onnx", "torch"),
        *("--to", tmp_path, "--version", 7),
    )
    run("export", "--format", "onnx", "litert", tmp_path / "vae", "--to", tmp_path)
    run("export", tmp_path / "vae", "--format", "onnx", "--format", "torch", "--to", tmp_path)
    assert [call["formats"] for call in given] == [
        ["saved_model", "onnx", "torch"],
        ["onnx", "litert"],
        ["onnx", "torch"],
    ]
    assert [call["to"].name for call in given] == ["7", "1", "1"]
    assert given[1]["run"] == tmp_path / "vae"


def test_all_options_reach_the_exporter(
    given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "digits" / "4").mkdir(parents=True)
    run(
        *("export", "runs/vae.keras", "--to", tmp_path, "--name", "digits"),
        *("--signature", "score", "--signature", "encode", "--label", "canary"),
        *("--import", "layers.py"),
    )
    (call,) = given
    assert call["to"] == tmp_path / "digits" / "5"
    assert call["formats"] == ["saved_model"]
    assert call["signatures"] == ("score", "encode")
    assert (call["labels"], call["modules"]) == (("canary",), ("layers.py",))
    out = capsys.readouterr().out.splitlines()
    assert out == [
        "onnx: written",
        f"{tmp_path}/digits/5: encode",
        "largest difference from the model: 2e-07 of max(1, |value|)",
    ]


def test_the_name_is_that_of_the_run_or_the_file(given: Given, tmp_path: Path) -> None:
    run("export", tmp_path / "runs" / "vae", "--to", tmp_path)
    run("export", tmp_path / "runs" / "best.keras", "--to", tmp_path)
    run("export", tmp_path / "runs" / "vae.v2", "--to", tmp_path)
    assert [call["to"].parent.name for call in given] == ["vae", "best", "vae.v2"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--version", "-1"), "a version must be a whole number of at most 18 digits"),
        (("--format", "onx"), "Did you mean 'onnx'"),
        (("--name", "../x"), "a model's name must have letters"),
        ((), "the settings must be a YAML file"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    arguments: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run("export", tmp_path / "vae", "--to", tmp_path, *arguments)
    message = capsys.readouterr().err.strip()
    assert message.startswith("keras-ae: error: ")
    assert words in message
    assert list(tmp_path.iterdir()) == []


def test_the_help_names_every_format() -> None:
    assert set(export.FORMATS) == set(exporting.FORMATS)
    text = export.export.get_help(click.Context(export.export))
    assert all(name in text for name in exporting.FORMATS)


def test_the_package_exports_at_its_top() -> None:
    assert keras_ae.export is exporting.export
