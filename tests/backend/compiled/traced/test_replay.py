from __future__ import annotations

import types
from typing import Any

import keras
import numpy as np
import pytest

from keras_ae.backend.postponed import Means
from keras_ae.callbacks import CompensatedMean

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="is about torch")


class Noise:
    """Draws 1, 2, 3 and so on."""

    def __init__(self) -> None:
        self.last = 0.0

    def draw(self, kind: str, shape: Any, training: bool) -> Any:
        import torch

        self.last += 1.0
        return torch.full(shape, self.last)


@pytest.mark.parametrize("scripted", [False, True])
@pytest.mark.parametrize("most", [0, 100])
def test_steps_are_taken_one_after_another(
    scripted: bool, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from keras_ae.backend.compiled import blocks
    from keras_ae.backend.compiled.adam import FusedAdam
    from keras_ae.backend.compiled.traced.once import Once
    from keras_ae.backend.compiled.traced.replay import Replay
    from keras_ae.backend.script import Draw

    monkeypatch.setattr(blocks, "GATHERED", most)

    class Step(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = weight.value

        def forward(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
            taken, noise = tensors
            return [taken.sum(0) + noise + 0.0 * self.weight, self.weight.sum() + noise.sum()]

    weight = keras.Variable([1.0, 2.0], dtype="float32")
    optimizer = keras.optimizers.Adam(0.1, epsilon=1e-3)
    optimizer.build([weight])
    mean = CompensatedMean("loss")
    means = Means(types.SimpleNamespace(means=[mean], phases=()), rows=2, steps=True)
    means.keep(mean, None)
    data = torch.arange(8.0).reshape(4, 2)
    rows = torch.tensor([[0, 3], [1, 2]])
    step: Any = Step()
    if scripted:
        with torch.no_grad():
            step = torch.jit.trace(
                step, ([data[:2], torch.zeros(2)],), check_trace=False, strict=False
            )
    once = Once(torch.tensor([2.0]), torch.tensor([-1.0]), [])
    replay = Replay(
        step, [Draw(Noise(), "normal", (2,), True)], FusedAdam(optimizer, [weight]), means, once
    )
    replay([data], rows)

    wanted, first, second, losses = np.array([1.0, 2.0]), np.zeros(2), np.zeros(2), []
    for number in (1, 2):  # the noise is the step's number, and both pairs of rows sum to (6, 8)
        losses.append(2.0 * (wanted.sum() + 2.0 * number) - 1.0)
        gradient = np.array([6.0, 8.0]) + number
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        rate = 0.1 * np.sqrt(1 - 0.999**number) / (1 - 0.9**number)
        wanted = wanted - rate * first / (np.sqrt(second) + 1e-3)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(weight), wanted, rtol=1e-5)
    np.testing.assert_allclose(float(mean.result()), np.mean(losses), rtol=1e-5)
    assert (int(optimizer.iterations), float(mean.count)) == (2, 4.0)
