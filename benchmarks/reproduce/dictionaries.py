"""Known dictionaries, found again: `python -m benchmarks.reproduce.dictionaries`."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.reproduce.common import Case, Experiment, Run, main

ATOMS, WIDTH, ACTIVE, ROWS = 512, 64, 16, 200_000
FEW = 5
"""Atoms of an example where a batch shares them out: long examples take many, short ones none."""
VARIANTS: dict[str, dict[str, Any]] = {
    "top_k_sae": {"k": ACTIVE},
    "batch_top_k_sae": {"k": FEW, "times": 2},
    "matryoshka_sae": {"k": FEW, "times": 2},
    "jump_relu_sae": {"sparsity": (6.0, 0.3), "fall": 8_000, "times": 2},
    "gated_sae": {"sparsity": (2.0, 1.0), "fall": 3_000},
    "k_sparse_autoencoder": {"k": ACTIVE, "unit_norm": True},
}
"""Variant -> options; a sparsity goes from one number to another in `fall` steps, and `times` as
many epochs are run."""


def dictionary(seed: int) -> np.ndarray:
    """Return atoms of length one, evenly drawn from all directions, `(ATOMS, WIDTH)`."""
    rows = np.random.default_rng(seed).normal(size=(ATOMS, WIDTH))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def examples(atoms: np.ndarray, rows: int, seed: int) -> np.ndarray:
    """Return sums of `ACTIVE` atoms, drawn without repeating, by numbers of an exponential law."""
    rng = np.random.default_rng(seed)
    x = np.zeros((rows, atoms.shape[1]), "float32")
    for start in range(0, rows, 10_000):
        part = slice(start, min(start + 10_000, rows))
        count = part.stop - part.start
        chosen = rng.random((count, len(atoms))).argpartition(ACTIVE, axis=1)[:, :ACTIVE]
        sizes = rng.exponential(size=(count, ACTIVE))
        x[part] = np.einsum("na,nad->nd", sizes, atoms[chosen])
    return x


def found_again(learned: np.ndarray, atoms: np.ndarray) -> float:
    """Return the mean over true atoms of the cosine with the nearest that was learned."""
    unit = learned / np.maximum(np.linalg.norm(learned, axis=1, keepdims=True), 1e-12)
    return float((unit @ atoms.T).max(axis=0).mean())


def measure(run: Run, options: argparse.Namespace, name: str, **choices: Any) -> None:
    """Train on examples of a dictionary, and compare what was learned with it."""
    import keras

    import keras_ae
    from keras_ae import metrics

    atoms = dictionary(run.seed)
    x = examples(atoms, options.rows or ROWS, run.seed + 1)
    test = examples(atoms, options.test_rows or 10_000, run.seed + 2)
    if "sparsity" in choices:
        start, end = choices["sparsity"]
        fall = choices.pop("fall")
        choices["sparsity"] = keras_ae.objectives.LinearWarmup(fall, start=start, end=end)
    epochs = options.epochs * choices.pop("times", 1)
    model = keras_ae.create(name, input_shape=(WIDTH,), latent_dim=ATOMS, **choices)
    model.compile(keras.optimizers.Adam(options.learning_rate))
    run.fit(model, x, options, epochs=epochs)
    run.figures["cosine"] = found_again(model.bottleneck.atoms(), atoms)
    codes = metrics.sparsity(model.encode(test))
    run.figures["dead"] = 100.0 * codes.dead_atoms
    run.figures["l0"] = codes.l0
    error = ((model.reconstruct(test) - test) ** 2).sum() / ((test - test.mean(0)) ** 2).sum()
    run.figures["explained"] = 100.0 * (1.0 - float(error))


def cases() -> Iterator[Case]:
    """Yield a row for each variant with a dictionary."""
    for name, choices in VARIANTS.items():
        yield Case(name, f"`{name}`", functools.partial(measure, name=name, **choices))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the step size."""
    parser.add_argument("--learning-rate", type=float, default=3e-3, help="of Adam")


EXPERIMENT = Experiment(
    "dictionaries",
    "Dictionaries",
    f"{ROWS:,} examples in {WIDTH} dimensions, sums of {ACTIVE} of {ATOMS} atoms by numbers "
    "of an exponential law; Adam 3e-3, batch 1,024. Where codes have no fixed number of atoms, "
    "the weight of their sparsity falls: from 6 to 0.3 in 8,000 steps (`jump_relu_sae`, 60 "
    f"epochs), from 2 to 1 in 3,000 (`gated_sae`). Where a batch shares its atoms out, {FEW} an "
    "example, 60 epochs: with 16, long examples take thirty and more, and few are found.",
    {
        "cosine": "mean over the true atoms of the cosine with the nearest that was learned",
        "dead": "atoms that no held-out example uses, percent",
        "l0": "atoms of a held-out example, mean",
        "explained": "of the held-out examples' variance, percent",
    },
    tuple(cases()),
    (),
    epochs=30,
    batch_size=1024,
    higher=("cosine", "explained"),
    options=add_arguments,
)

if __name__ == "__main__":
    main(EXPERIMENT)
