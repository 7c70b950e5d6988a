"""Fixtures for every test."""

from __future__ import annotations

import collections
import math
import os
import pathlib
from typing import Any

# Before Keras or pyplot is imported: no window is opened, TensorFlow does not chat, and nothing
# is kept in the user's cache.
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_AE_COMPILE_CACHE", "off")

import keras
import pytest

# Folders whose tests run over grids of numbers, and how many points of each are quick enough for
# the fast tier: each backend takes its own, evenly spread; the rest is marked slow.
GRIDS = {"distributions", "flows", "likelihoods", "networks", "objectives", "priors", "rowwise"}
FAST_POINTS = 3
# Folders whose tests run over kinds of parts: each backend takes a third of them, and so all are
# taken; of a few it takes as many as of a grid.
KINDS = {"bottlenecks", "models", "samplers"}
# Folders and modules about what is the same on every backend: with KERAS_AE_ROTATE set, each of
# their modules has its turn on one.
SAME = {
    "cli",
    "datasets",
    "estimators",
    "plots",
    "reports",
    "repository",
    "serving",
    "test_anomaly_detector.py",
    "test_anomaly_thresholds.py",
    "test_architecture.py",
    "test_deploy.py",
    "test_packaging.py",
    "test_reproduce.py",
}
TESTS = pathlib.Path(__file__).parent
BACKENDS = ("jax", "tensorflow", "torch")
STATES = pytest.StashKey[dict[str, Any]]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to the full tier what is not in turn; note where modules' numbers start."""
    for item in items:
        numbers = getattr(getattr(item, "module", None), "RNG", None)
        if numbers is not None:
            item.stash[STATES] = numbers.bit_generator.state
    grids = collections.defaultdict(list)
    for item in items:
        if (GRIDS | KINDS) & _places(item):
            grids[item.path, getattr(item, "originalname", item.name)].append(item)
    shift = BACKENDS.index(keras.backend.backend())
    if os.environ.get("KERAS_AE_ROTATE"):
        same = [item for item in items if SAME & _places(item)]
        turns = {path: i for i, path in enumerate(sorted({item.path for item in same}))}
        for item in same:
            if turns[item.path] % len(BACKENDS) != shift:
                item.add_marker(pytest.mark.slow)
    for points in grids.values():
        step = len(points) / FAST_POINTS
        if KINDS & _places(points[0]):
            step = min(step, float(len(BACKENDS)))
        if step > 1:
            offset = shift * step / len(BACKENDS)
            fast = {int(offset + i * step) for i in range(math.ceil(len(points) / step))}
            for number, point in enumerate(points):
                if number not in fast:
                    point.add_marker(pytest.mark.slow)


def _places(item: pytest.Item) -> set[str]:
    """Return the names of an item's module and of the folders that it is in."""
    return set(item.path.parts[len(TESTS.parts) :])


@pytest.fixture(autouse=True)
def _same_numbers_in_any_order(request: pytest.FixtureRequest) -> None:
    keras.utils.set_random_seed(1234)
    if STATES in request.node.stash:
        request.module.RNG.bit_generator.state = request.node.stash[STATES]
