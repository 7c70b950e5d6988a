from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest

from keras_ae.backend.compiled import division
from tests.backend.compiled import divisible

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="is about torch")


@pytest.fixture(autouse=True)
def _at_once_on_two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import torch

    from keras_ae.backend.compiled import on_torch

    monkeypatch.setattr(division, "_cores", lambda: 2)
    monkeypatch.setattr(on_torch, "WORTH_TRACING", 0)
    monkeypatch.setattr(on_torch, "ONE_THREAD", 0.0)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def programs(model: Any) -> list[Any]:
    return list(model.__dict__["_block_steps"][1].traces.values())


def data() -> Any:
    import torch

    x = np.random.default_rng(0).random((16, 8, 8, 1), "float32")
    return (torch.from_numpy(x),)


@pytest.mark.parametrize(("name", "rows"), divisible.CASES)
def test_parts_train_as_the_whole_does(
    name: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras_ae.backend.compiled import on_torch
    from keras_ae.backend.compiled.divided_on_torch import Divided
    from keras_ae.backend.compiled.traced.replay import Replay

    model, shape = divisible.make(name), divisible.SHAPES[name]
    found = divisible.fit(model, rows, shape)
    assert isinstance(programs(model)[0], Divided)
    monkeypatch.setattr(on_torch.Division, "of", lambda *_: None)
    whole = divisible.make(name)
    wanted = divisible.fit(whole, rows, shape)
    assert isinstance(programs(whole)[0], Replay)
    divisible.assert_same_training(model, found, whole, wanted)


@pytest.mark.parametrize("case", list(divisible.INDIVISIBLE))
def test_what_needs_the_whole_batch_is_seen(case: str) -> None:
    from keras_ae.backend.compiled.divided_on_torch import is_exact

    model = divisible.INDIVISIBLE[case]()
    before = [v.value.clone() for v in model.variables]
    assert not is_exact(model, data())
    assert all((a == v.value).all() for a, v in zip(before, model.variables, strict=True))


def test_what_is_by_row_is_seen_too() -> None:
    from keras_ae.backend.compiled.divided_on_torch import is_exact

    assert is_exact(divisible.make(), data())


def test_what_cannot_be_divided_is_traced_whole() -> None:
    from keras_ae.backend.compiled.traced.replay import Replay

    model = divisible.INDIVISIBLE["term by row"]()
    divisible.fit(model, 32, (8, 8, 1))
    assert isinstance(programs(model)[0], Replay)


def test_threads_are_for_the_block_alone() -> None:
    import torch

    from keras_ae.backend.compiled.divided_on_torch import threads

    with threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
