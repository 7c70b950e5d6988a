from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.backend.loops import repeat

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="is about torch")

STEPS = 40
WEIGHT = np.random.default_rng(0).normal(0, 0.5, (3, 3)).astype("float32")
X = np.random.default_rng(1).normal(size=(5, 3)).astype("float32")


def exported(function: Callable[[Any], Any], path: Path) -> tuple[Any, Any]:
    """Return the program of a module with a weight, saved and loaded, and the saved one."""
    import torch

    class Module(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.from_numpy(WEIGHT))

        def forward(self, x: Any) -> Any:
            return function(self, x)

    rows = torch.export.Dim("rows", min=1, max=100)
    shapes = {"x": {0: rows}}
    example = (torch.zeros(2, 3),)
    with torch.no_grad():
        program = torch.export.export(Module(), example, dynamic_shapes=shapes, strict=False)
    torch.export.save(program, str(path))
    return torch.export.load(str(path)).module(), program


def chained(self: Any, x: Any) -> Any:
    """Return x_n of x_(i+1) = tanh(x_i W + x_0 + i), which holds a weight and what was made."""
    doubled = ops.multiply(x, 2.0)

    def body(i: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
        (now,) = state
        number = ops.cast(i, "float32") / STEPS
        return (ops.tanh(ops.matmul(now, self.weight) + doubled + number),)

    return repeat(STEPS, body, (x,))[0]


def test_an_exported_loop_gives_what_the_steps_give(tmp_path: Path) -> None:
    loaded, _ = exported(chained, tmp_path / "loop.pt2")
    expected = X
    for i in range(STEPS):
        expected = np.tanh(expected @ WEIGHT + 2 * X + i / STEPS)
    for rows in (1, 5):
        given = ops.convert_to_tensor(X[:rows])
        found = ops.convert_to_numpy(loaded(given))
        np.testing.assert_allclose(found, expected[:rows], rtol=1e-5, atol=1e-6)


def test_the_program_has_one_step(tmp_path: Path) -> None:
    _, program = exported(chained, tmp_path / "loop.pt2")
    names = [str(node.target) for node in program.graph.nodes]
    assert names.count("while_loop") == 1
    assert "aten.tanh.default" not in names


def test_an_exported_loop_may_hold_another(tmp_path: Path) -> None:
    def nested(self: Any, x: Any) -> Any:
        def outer(_: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
            return repeat(2, lambda _, inner: (ops.matmul(inner[0], self.weight) + x,), state)

        return repeat(3, outer, (x,))[0]

    loaded, _ = exported(nested, tmp_path / "loop.pt2")
    expected = X
    for _ in range(6):
        expected = expected @ WEIGHT + X
    found = ops.convert_to_numpy(loaded(ops.convert_to_tensor(X)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
