"""What every reproduction shares: arguments, seeds, timing, and the file of figures."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks import origin

BACKENDS = ("jax", "tensorflow", "torch")
# Arguments that say which part of an experiment runs, not what it is.
WHERE = ("backend", "cases", "out", "picture", "seeds", "verbose")


@dataclasses.dataclass(frozen=True)
class Published:
    """A figure that somebody published.

    Args:
        figure: Name of ours that it is compared with.
        value: The figure.
        source: Its address.
        spread: What it varies by, where that was published.
        epochs: Epochs of training behind it.
        note: What a reader must know of it.
    """

    figure: str
    value: float
    source: str
    spread: float | None = None
    epochs: int | None = None
    note: str = ""


@dataclasses.dataclass
class Run:
    """One training: its seed, and what came of it.

    Args:
        seed: Of weights, noise and the order of rows.
        figures: What was measured, by name.
        history: What was logged in each epoch.
        seconds: What parts of it took.
        remarks: Lines to be read below the table.
    """

    seed: int
    figures: dict[str, float] = dataclasses.field(default_factory=dict)
    history: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    remarks: list[str] = dataclasses.field(default_factory=list)

    @contextlib.contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Take the seconds of a part of the run, its compiling included."""
        start = time.perf_counter()
        yield
        self.seconds[what] = time.perf_counter() - start

    def fit(self, model: Any, x: Any, options: argparse.Namespace, **others: Any) -> None:
        """Train a compiled model by `epochs` and `batch_size`, and keep what is logged."""
        given = {"epochs": options.epochs, "batch_size": options.batch_size, **others}
        with self.timed("training"):
            history = model.fit(x, verbose=options.verbose, **given).history
        self.history = {name: [float(v) for v in values] for name, values in history.items()}


@dataclasses.dataclass(frozen=True)
class Case:
    """One row of an experiment.

    Args:
        name: Its name.
        title: What is trained, for a reader.
        measure: Trains and measures, given a run and the options; seeds are set before.
        published: Figures to compare with.
    """

    name: str
    title: str
    measure: Callable[[Run, argparse.Namespace], None]
    published: tuple[Published, ...] = ()


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One reproduction.

    Args:
        name: The module's name.
        title: What it is, for a reader.
        about: The recipe, in a sentence or two.
        figures: What each figure is, by its name, in the order of the table.
        cases: Its rows.
        differs: What is not as in the source.
        epochs: How long it trains by default.
        batch_size: Rows of a batch by default.
        higher: Figures of which more is better.
        order: Cases from the least figure to the largest, as the source has them.
        ordered: The figure that `order` is about.
        seeds: Seeds by default.
        options: Adds arguments of its own.
        settle: Sets those that follow from others.
    """

    name: str
    title: str
    about: str
    figures: dict[str, str]
    cases: tuple[Case, ...]
    differs: tuple[str, ...]
    epochs: int
    batch_size: int | None
    higher: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    ordered: str = ""
    seeds: tuple[int, ...] = (0, 1, 2)
    options: Callable[[argparse.ArgumentParser], None] | None = None
    settle: Callable[[argparse.Namespace], None] | None = None


def main(experiment: Experiment, arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run what is not in the file yet; write and return all figures."""
    options = parsed(experiment, arguments)
    os.environ["KERAS_BACKEND"] = options.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    if keras.backend.backend() != options.backend:
        raise SystemExit(f"Keras runs on {keras.backend.backend()} already, not {options.backend}")
    results = begun(experiment, options)
    write(results, options.out)  # what is said of the figures may be new though they are not
    for case in experiment.cases:
        if options.cases and case.name not in options.cases:
            continue
        for seed in options.seeds:
            seeds = results["cases"][case.name]["seeds"]
            if str(seed) not in seeds:
                seeds[str(seed)] = measured(case, seed, options)
                summarise(results["cases"][case.name])
                write(results, options.out)
            sys.stdout.write(
                f"{case.name}, seed {seed}: {json.dumps(seeds[str(seed)]['figures'])}\n"
            )
    return results


def parsed(experiment: Experiment, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.reproduce.{experiment.name}", description=experiment.about
    )
    backend = os.environ.get("KERAS_BACKEND", "jax")
    parser.add_argument("--backend", choices=BACKENDS, default=backend)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(experiment.seeds))
    parser.add_argument("--epochs", type=int, default=experiment.epochs)
    parser.add_argument("--batch-size", type=int, default=experiment.batch_size)
    parser.add_argument("--rows", type=int, help="only the first rows of the training data")
    parser.add_argument("--test-rows", type=int, help="only the first rows of the test data")
    names = [case.name for case in experiment.cases]
    parser.add_argument("--cases", nargs="+", choices=names, help="some rows; all by default")
    parser.add_argument("--verbose", type=int, default=2, help="of `fit`: 0, 1 or 2")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the file of figures")
    if experiment.options is not None:
        experiment.options(parser)
    options = parser.parse_args(arguments)
    if experiment.settle is not None:
        experiment.settle(options)
    return options


def begun(experiment: Experiment, options: argparse.Namespace) -> dict[str, Any]:
    """Return the file's figures, or an experiment without any.

    Raises:
        SystemExit: The file's settings are others.
    """
    told = ("title", "about", "figures", "differs", "higher", "order", "ordered")
    settings = {name: value for name, value in vars(options).items() if name not in WHERE}
    results: dict[str, Any] = {
        **{name: getattr(experiment, name) for name in told},
        "experiment": experiment.name,
        "backend": options.backend,
        "settings": settings,
        "cases": {
            case.name: {
                "title": case.title,
                "published": [dataclasses.asdict(figure) for figure in case.published],
                "seeds": {},
            }
            for case in experiment.cases
        },
    }
    results = json.loads(json.dumps(results))  # tuples become lists, as in the file
    if options.out.exists():
        found = json.loads(options.out.read_text())
        for name in ("experiment", "backend", "settings"):
            if found[name] != results[name]:
                raise SystemExit(
                    f"{options.out} has other figures: {name} {found[name]}, not {results[name]}. "
                    "Name another --out, or remove the file."
                )
        for name, case in results["cases"].items():
            case["seeds"] = found["cases"].get(name, case)["seeds"]
            summarise(case)
    return results


def measured(case: Case, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return what one seed of a case gives."""
    import keras

    run = Run(seed)
    keras.utils.set_random_seed(seed)
    case.measure(run, options)
    keras.backend.clear_session()
    run.figures = {name: float(value) for name, value in run.figures.items()}
    found = {"machine": origin.machine(), "versions": origin.versions()}
    return {**dataclasses.asdict(run), **found, "commit": origin.commit()}


def summarise(case: dict[str, Any]) -> None:
    """Set the mean of each figure over seeds and, of two seeds or more, its deviation."""
    runs = case["seeds"].values()
    names = dict.fromkeys(name for run in runs for name in run["figures"])
    values = {n: [run["figures"][n] for run in runs if n in run["figures"]] for n in names}
    case["mean"] = {name: statistics.mean(found) for name, found in values.items()}
    case["std"] = {n: statistics.stdev(found) for n, found in values.items() if len(found) > 1}


def write(results: dict[str, Any], out: pathlib.Path) -> None:
    """Write the figures so that the file is whole at any time."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_suffix(".part")
    part.write_text(json.dumps(results, indent=1) + "\n")
    part.replace(out)
