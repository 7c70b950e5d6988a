"""Training steps that work on the parts of their batches side by side, on torch's CPU."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import torch
from torch import Tensor

from keras_ae.backend.compiled.adam import FusedAdam
from keras_ae.backend.compiled.blocks import map_arrays
from keras_ae.backend.compiled.division import TOLERANCE, is_by_row
from keras_ae.backend.compiled.traced.replay import move
from keras_ae.backend.postponed import Means
from keras_ae.backend.script import Draw, Script
from keras_ae.backend.whole_batch import Part


class Divided:
    """A traced part of a step, taken by each thread.

    Args:
        part: Takes a list of tensors (a batch's part, noise) and returns the gradients of
            the weights that Adam moves, the numbers of the means, then what the functions take.
        draws: The noise that a part draws.
        adam: Moves the weights.
        means: The running means of which a part returns the numbers.
        uses: Functions of the whole batch, with how many sums and how many tensors of rows.
        threads: Parts of a batch.
    """

    def __init__(
        self,
        part: Any,
        draws: Sequence[Draw],
        adam: FusedAdam,
        means: Means,
        uses: Sequence[tuple[Callable[..., None], int, int]],
        threads: int,
    ) -> None:
        self.part, self.draws, self.adam, self.means = part, draws, adam, means
        self.uses, self.threads = uses, threads

    def __call__(self, data: list[Tensor], rows: Tensor) -> None:
        """Take steps on the rows of these numbers, `(steps, rows of a batch)`."""
        # A pool of a block's own: its threads end with the block.
        with (
            torch.no_grad(),
            threads(1),
            ThreadPoolExecutor(
                self.threads - 1, initializer=torch.set_num_threads, initargs=(1,)
            ) as pool,
        ):
            weights, firsts, seconds, counts, rates, epsilons, betas = self.adam.arguments(
                len(rows)
            )
            numbers: list[Tensor] = []
            for of_step, rate, epsilon in zip(rows, rates, epsilons, strict=True):
                gradients = self._joined(self._parts(pool, data, of_step), numbers)
                move(weights, gradients, firsts, seconds, counts, rate, epsilon, betas)
            if numbers:
                totals = torch.stack(numbers).view(-1, len(self.means.means)).sum(0)
                self.means.add(totals, float(len(rows) * self.threads))

    def _parts(
        self, pool: ThreadPoolExecutor, data: list[Tensor], rows: Tensor
    ) -> list[list[Tensor]]:
        """Return what each part of a batch gives."""
        size = len(rows) // self.threads
        noise = [
            draw._replace(shape=(len(rows), *draw.shape[1:])).again().split(size)
            for draw in self.draws
        ]

        def work(part: int, of_part: Tensor) -> list[Tensor]:
            with torch.no_grad():
                batch = [torch.index_select(of_all, 0, of_part) for of_all in data]
                return list(self.part([*batch, *(n[part] for n in noise)]))

        parts = rows.split(size)
        others = [pool.submit(work, i, of_part) for i, of_part in enumerate(parts) if i]
        return [work(0, parts[0]), *(other.result() for other in others)]

    def _joined(self, found: list[list[Tensor]], numbers: list[Tensor]) -> list[Tensor]:
        """Return the gradients of a batch, after what else a step does, and note its numbers."""
        weights, means = len(self.adam.tensors[0]), len(self.means.means)
        gradients = [part[:weights] for part in found]
        for other in gradients[1:]:
            torch._foreach_add_(gradients[0], other)
        torch._foreach_mul_(gradients[0], 1.0 / len(found))
        rest = [[part[weights + i] for part in found] for i in range(len(found[0]) - weights)]
        for part in found:
            numbers += part[weights : weights + means]
        place = means
        for function, sums, rows in self.uses:
            added = [torch.stack(of_one).sum(0) for of_one in rest[place : place + sums]]
            place += sums
            function(*added, *map(torch.cat, rest[place : place + rows]))
            place += rows
        return gradients[0]


@contextlib.contextmanager
def threads(number: int) -> Iterator[None]:
    """Compute on this many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def is_exact(model: Any, data: Any) -> bool:
    """Return whether a batch's outputs are those of its parts, and nothing else moves.

    Args:
        model: A compiled model, whose state is where it was afterwards.
        data: All rows, as tensors.
    """
    count = len(keras.tree.flatten(data)[0])
    few = map_arrays(lambda a: a[torch.arange(4) % count], data)
    halves = [map_arrays(lambda a, i=i: a[i : i + 2], few) for i in (0, 2)]
    before = [v.value.clone() for v in model.variables]
    draws = [draws_of(model, batch) for batch in (halves[0], few)]
    _put(model, before)
    by_row = all(is_by_row(drawn, rows) for drawn, rows in zip(draws, (2, 4), strict=True))
    if not by_row:
        return False
    random = np.random.default_rng(0)
    noise = [torch.from_numpy(random.random(draw.shape, "float32")) for draw in draws[1]]
    # What happens to an entry with some probability happens where its draw is 0.
    agrees = all(_agree(model, few, halves, given) for given in (noise, [0.0 * n for n in noise]))
    still = all(torch.equal(a, v.value) for a, v in zip(before, model.variables, strict=True))
    _put(model, before)
    return agrees and still


def draws_of(model: Any, batch: Any) -> list[Draw]:
    """Return the draws of a forward pass in training."""
    with Script() as script:
        _outputs(model, batch)
    return script.draws


def _outputs(model: Any, batch: Any) -> list[Tensor]:
    """Return a forward pass's outputs and terms."""
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    with torch.enable_grad(), Part():  # terms may need gradients
        outputs = model(x, training=True)
        terms = model.terms(x, y, outputs, sample_weight, True)
    return [tensor.detach() for tensor in (*outputs.values(), *terms.values())]


def _agree(model: Any, few: Any, halves: list[Any], noise: list[Tensor]) -> bool:
    with Script(noise):
        whole = _outputs(model, few)
    parts = []
    for start, half in zip((0, 2), halves, strict=True):
        with Script([n[start : start + 2] for n in noise]):
            parts.append(_outputs(model, half))
    for wanted, *found in zip(whole, *parts, strict=True):
        joined = torch.cat(found) if wanted.dim() else torch.stack(found).mean()
        difference = (wanted.double() - joined.double()).abs().max()
        if difference > TOLERANCE * wanted.double().abs().max():
            return False
    return True


def _put(model: Any, values: list[Tensor]) -> None:
    with torch.no_grad():
        for variable, value in zip(model.variables, values, strict=True):
            variable.value.copy_(value)
