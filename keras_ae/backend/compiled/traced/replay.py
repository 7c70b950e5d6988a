"""Training steps in a loop without Python, on PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from keras_ae.backend.compiled.adam import FusedAdam
from keras_ae.backend.compiled.blocks import are_few
from keras_ae.backend.compiled.traced.once import Once
from keras_ae.backend.postponed import Means
from keras_ae.backend.script import Draw


def move(
    weights: list[Tensor],
    gradients: list[Tensor],
    momentums: list[Tensor],
    velocities: list[Tensor],
    counts: list[Tensor],
    rate: float,
    epsilon: float,
    betas: list[float],
) -> None:
    """Count a step of Adam, and take it; see `FusedAdam.arguments`."""
    counts[0].add_(1.0)
    torch._fused_adam_(
        weights,
        gradients,
        momentums,
        velocities,
        [],
        counts,
        lr=rate,
        beta1=betas[0],
        beta2=betas[1],
        weight_decay=0.0,
        eps=epsilon,
        amsgrad=False,
        maximize=False,
    )


class Loop(torch.nn.Module):
    """The steps of a block, one after another.

    TorchScript compiles it where the step is a program of its own; where it is not, Python runs
    what is written here.

    Args:
        step: Takes a list of tensors (a batch, noise) and returns the gradients of the weights
            that Adam moves, then what is kept of the step.
    """

    def __init__(self, step: Any) -> None:
        super().__init__()
        self.step = step

    def forward(
        self,
        data: list[Tensor],
        rows: list[Tensor],
        gathered: list[list[Tensor]],
        noise: list[list[Tensor]],
        weights: list[Tensor],
        momentums: list[Tensor],
        velocities: list[Tensor],
        counts: list[Tensor],
        rates: list[float],
        epsilons: list[float],
        betas: list[float],
    ) -> list[Tensor]:
        """Take a step for each batch or its noise; without weights, steps move their own."""
        numbers: list[Tensor] = []
        batch: list[Tensor] = []
        if len(gathered) == 0:
            batch = [torch.index_select(of_all, 0, rows[0]) for of_all in data]
        for i in range(len(noise)):
            if len(gathered) > 0:
                batch = gathered[i]
            else:
                for k in range(len(data)):
                    torch.index_select(data[k], 0, rows[i], out=batch[k])
            found = self.step(batch + noise[i])
            if len(weights) > 0:
                gradients = found[: len(weights)]
                move(
                    weights,
                    gradients,
                    momentums,
                    velocities,
                    counts,
                    rates[i],
                    epsilons[i],
                    betas,
                )
            numbers.extend(found[len(weights) :])
        return numbers


class Replay:
    """A traced step, taken as often as asked.

    Args:
        step: See `Loop`.
        draws: The noise that a step draws.
        adam: Moves the weights, or None where the step does.
        means: The running means of which the step returns the numbers.
        once: What is left for the end of a block.
    """

    def __init__(
        self, step: Any, draws: Sequence[Draw], adam: FusedAdam | None, means: Means, once: Once
    ) -> None:
        self.draws, self.adam, self.means, self.once = draws, adam, means, once
        loop = Loop(step)
        self.is_script = isinstance(step, torch.jit.ScriptModule)
        self.loop = torch.jit.script(loop) if self.is_script else loop

    def __call__(self, data: list[Tensor], rows: Tensor) -> None:
        """Take steps on the rows of these numbers, `(steps, rows of a batch)`."""
        noise = [[draw.again() for draw in self.draws] for _ in range(len(rows))]
        of_adam = [[]] * 7 if self.adam is None else self.adam.arguments(len(rows))
        # Without autograd's bookkeeping a small operation takes a tenth less.
        with torch.inference_mode() if self.is_script else torch.no_grad():
            if are_few(data, rows.numel()):
                of_all = [a.index_select(0, rows.view(-1)).split(rows.shape[1]) for a in data]
                batches, each = [*map(list, zip(*of_all, strict=True))], []
            else:
                batches, each = [], [*rows]
            numbers = self.loop(data, each, batches, noise, *of_adam)
        with torch.no_grad():
            totals = self.once.end(numbers, len(rows))
            if self.means.means:
                self.means.add(totals, float(len(rows)))
