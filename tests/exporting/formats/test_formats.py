from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from keras_ae.exporting import formats


@pytest.mark.parametrize("name", list(formats.FORMATS))
def test_a_missing_package_is_named_with_its_extra(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = formats.FORMATS[name]
    last = kind.PACKAGES[-1]
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda p, *more: None if p == last else find(p, *more)
    )
    with pytest.raises(ImportError, match=f"no {last}. Run: pip install 'keras-ae.{kind.EXTRA}.'"):
        formats.get(name)


def test_with_nothing_installed_both_extras_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: Any = lambda name: None  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", nothing)
    with pytest.raises(
        ImportError, match="no tensorflow, tf2onnx.*'keras-ae.tensorflow-cpu,onnx.'"
    ):
        formats.get("onnx")


def test_an_unknown_format_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="Did you mean 'saved_model'"):
        formats.get("saved-model")


def test_every_format_says_what_it_needs() -> None:
    for name, kind in formats.FORMATS.items():
        assert kind.BACKEND in ("tensorflow", "torch")
        assert kind.PACKAGES[0] == kind.BACKEND
        assert kind.SUB_FOLDER in ("", name)
