"""Fixtures for every test."""

from __future__ import annotations

import collections
import os
import pathlib
import zlib
from typing import Any

# Before Keras or pyplot is imported: no window is opened, TensorFlow does not chat, and nothing
# is kept in the user's cache.
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_AE_COMPILE_CACHE", "off")

import keras
import pytest

# Folders of tests that each backend takes: written from the papers alone, and of rows that are
# divided already; and of tests that each takes, with some of their points, being about backends.
EVERYWHERE = {"oracles", "test_variants.py"}
SHARED = {"backend"}
# Folders and modules about what is the same on every backend, and whose tests share what is slow
# to make: each module has its turn on one backend.
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
# Folders whose tests run over grids of numbers, and of how many points of a test each backend
# takes its share.
GRIDS = {"distributions", "flows", "likelihoods", "networks", "objectives", "priors", "rowwise"}
POINTS = 3
TESTS = pathlib.Path(__file__).parent
# Of eight tests that any backend may take. JAX compiles each operation of a small program for
# itself.
TURNS = ("torch", "tensorflow", "torch", "tensorflow", "torch", "jax", "torch", "tensorflow")
STATES = pytest.StashKey[dict[str, Any]]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Note where modules' numbers start; leave to other backends what is not in turn here.

    Without KERAS_AE_ROTATE all are in turn.
    """
    for item in items:
        numbers = getattr(getattr(item, "module", None), "RNG", None)
        if numbers is not None:
            item.stash[STATES] = numbers.bit_generator.state
    if os.environ.get("KERAS_AE_ROTATE"):
        in_turn = _in_turn(items)
        for item in items:
            if item not in in_turn:
                item.add_marker(pytest.mark.slow)


def _in_turn(items: list[pytest.Item]) -> set[pytest.Item]:
    """Return the tests that a backend takes; the three together take all, but for large grids."""
    modules = sorted({item.path for item in items if SAME & _places(item)})
    tests = collections.defaultdict(list)
    for item in items:
        tests[item.path, getattr(item, "originalname", item.name)].append(item)
    taken: set[pytest.Item] = set()
    for (path, name), points in tests.items():
        places, first = _places(points[0]), zlib.crc32(name.encode())
        if SAME & places:
            taken.update(points if _is_in_turn(modules.index(path)) else [])
        elif EVERYWHERE & places:
            taken.update(points)
        elif any(map(_is_bound, points)):
            taken.update(_spread(points, POINTS) if GRIDS & places else points)
        else:
            points = _spread(points, POINTS) if GRIDS & places else points
            mine = [point for i, point in enumerate(points) if _is_in_turn(first + i)]
            taken.update(mine or (points[:1] if SHARED & places else []))
    return taken


def _is_in_turn(number: int) -> bool:
    return TURNS[number % len(TURNS)] == keras.backend.backend()


def _spread(points: list[pytest.Item], most: int) -> list[pytest.Item]:
    """Return some points of a grid, from all over it."""
    step = max(1.0, len(points) / most)
    return [points[int((i + 0.5) * step)] for i in range(int(len(points) / step))]


def _is_bound(item: pytest.Item) -> bool:
    """Return whether a test is about one backend, and says so by being skipped on others."""
    reasons = [str(mark.kwargs.get("reason", "")) for mark in item.iter_markers("skipif")]
    return any(not reason.startswith("needs the real") for reason in reasons)


def _places(item: pytest.Item) -> set[str]:
    """Return the names of an item's module and of the folders that it is in."""
    return set(item.path.parts[len(TESTS.parts) :])


@pytest.fixture(autouse=True)
def _same_numbers_in_any_order(request: pytest.FixtureRequest) -> None:
    keras.utils.set_random_seed(1234)
    if STATES in request.node.stash:
        request.module.RNG.bit_generator.state = request.node.stash[STATES]
