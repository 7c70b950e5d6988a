"""The rows of hierarchies, and their objectives in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from tests.contract.cases import Arrays, Case, Objective, cross_entropy


def array(tensor: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(tensor), "f8")


def bent(values: np.ndarray) -> np.ndarray:
    return np.asarray(5 * np.tanh(values / 5))


def deviation(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(bent(values)) + 0.01)


def kl(mean: Any, deviation: Any, of_mean: Any, of_deviation: Any) -> np.ndarray:
    """KL(N(mean, deviation^2) || N(of_mean, of_deviation^2)) of each row."""
    ratio = (deviation / of_deviation) ** 2
    each = 0.5 * (ratio + ((mean - of_mean) / of_deviation) ** 2 - 1 - np.log(ratio))
    return np.asarray(each.reshape(len(each), -1).sum(1))


def run(network: Any, values: np.ndarray) -> np.ndarray:
    return array(network(ops.convert_to_tensor(values.astype("f4"))))


def resized(maps: np.ndarray, size: tuple[int, ...], by: Callable[..., np.ndarray]) -> np.ndarray:
    for axis, want in enumerate(size, 1):
        maps = by(maps, axis)
        maps = np.take(maps, range(want), axis)
    return maps


def halved(maps: np.ndarray, axis: int) -> np.ndarray:
    last = np.take(maps, [-1], axis)
    padded = np.concatenate([maps, last], axis)[..., :] if maps.shape[axis] % 2 else maps
    even, odd = (np.take(padded, range(i, padded.shape[axis], 2), axis) for i in (0, 1))
    return np.asarray((even + odd) / 2)


def from_the_top_down(beta: float) -> Objective:
    """-log p + beta sum_l KL(q(z_l | z_<l, x) || p(z_l | z_<l)), Child (2021), equations 3 to 5."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        code, rows = model.bottleneck, len(x)
        h, maps = run(code.enter, array(model.encoder(x))), []
        for i, network in enumerate(code.up):
            h = resized(h, code.sizes[i], halved) if i else h
            h = h + run(network, h)
            maps.append(h)
        state, rate = np.repeat(array(code.start)[None], rows, 0), np.zeros(rows)
        drawn = np.split(outputs["latent"], [part.stop for part in code.parts.values()][:-1], 1)
        for level, u, shape in zip(code.levels, drawn, code.shapes, strict=True):
            size = code.sizes[level.resolution]
            if state.shape[1:-1] != size:
                state = resized(state, size, lambda maps, axis: np.repeat(maps, 2, axis))
            mean, log_dev, more = np.split(run(level.prior, state), [shape[-1], 2 * shape[-1]], -1)
            state = state + more
            both = np.concatenate([state, maps[level.resolution]], -1)
            moved, log_ratio = np.split(run(level.posterior, both), 2, -1)
            dev = deviation(log_dev)
            q_mean, q_dev = mean + dev * bent(moved), dev * deviation(log_ratio)
            rate += kl(q_mean, q_dev, mean, dev)
            z = mean + dev * u.reshape(-1, *shape)
            state = state + run(level.embed, z)
            state = state + run(level.go_on, state)
        made = run(model.decoder.get_layer("below_levels").network, state)
        np.testing.assert_allclose(outputs["decoded"], made, rtol=1e-3, atol=1e-4)
        return cross_entropy(x, outputs, model) + beta * float(rate.mean())

    return objective


def up_and_down_a_ladder(beta: float) -> Objective:
    """-log p + beta sum_l KL, precision-weighted: Sonderby et al. (2016), equations 11 to 19."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        code = model.bottleneck
        h, seen = array(model.encoder(x)), []
        for up, head in list(zip(code.up, code.seen, strict=True))[::-1]:
            h = run(up, h)
            seen.insert(0, np.split(run(head, h), 2, 1))
        drawn = np.split(outputs["latent"], np.cumsum(code.latent_dims)[:-1], 1)
        rate, z = np.zeros(len(x)), drawn[0]
        for level, (u, (mean, log_var)) in enumerate(zip(drawn, seen, strict=True)):
            of_mean, of_var, var = np.zeros_like(mean), np.ones_like(mean), np.exp(log_var)
            q_mean, q_var = mean, var
            if level:
                made = run(code.priors[level - 1], run(code.down[level - 1], z))
                of_mean, of_log_var = np.split(made, 2, 1)
                of_var = np.exp(of_log_var)
                q_var = 1 / (1 / var + 1 / of_var)
                q_mean = q_var * (mean / var + of_mean / of_var)
            rate += kl(q_mean, np.sqrt(q_var), of_mean, np.sqrt(of_var))
            z = of_mean + np.sqrt(of_var) * u
        made = run(model.decoder.get_layer("below_levels").network, z)
        np.testing.assert_allclose(outputs["decoded"], made, rtol=1e-3, atol=1e-4)
        return cross_entropy(x, outputs, model) + beta * float(rate.mean())

    return objective


HIERARCHICAL = [
    Case(
        "hierarchical_vae",
        from_the_top_down(0.5),
        {
            **{"latent_dim": 2, "blocks": [1, 2], "width": 4, "beta": 0.5},
            "likelihood": "bernoulli",
        },
        event_shape=(10, 6, 1),
    ),
    Case(
        "ladder_vae",
        up_and_down_a_ladder(0.5),
        {
            **{"latent_dim": 3, "upper_dims": [2, 2], "hidden": [8], "beta": 0.5},
            "likelihood": "bernoulli",
        },
    ),
]
