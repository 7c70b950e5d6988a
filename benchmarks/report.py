"""Writes docs/benchmarks.md from the figures: `python -m benchmarks.report docs/benchmarks`."""

from __future__ import annotations

import json
import math
import pathlib
import sys
from collections.abc import Iterable, Sequence
from typing import Any

BACKENDS = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "PyTorch"}
HEAD = """# Benchmarks

Written by `make bench` (and `make bench-peers`) from the figures beside this page, in
`docs/benchmarks/`. Contenders run in turn in one process for each framework, {rounds} times in
changing order, each for at least 1.5 seconds; a figure is a median, a ratio the median of the
rounds' ratios. What a machine does meanwhile changes the microseconds, and much less the ratios.

* **keras_ae**: `model.fit` as a user calls it.
* **stock Keras**: the same model as its users write it, `fit` with its defaults.
* **by hand**: the fastest loop that could be written for this row in the framework alone
  (`benchmarks/by_hand/`), by someone who had not seen keras_ae's.
* **limit**: the products of a step at the framework's own rate for a product of 1024 x 1024
  matrices, and the bytes that Adam and the batch move at the rate of a copy in memory. Both rates
  are measured once, before the rows: what runs in a quieter minute can be below it.

Machine: {machine}. {versions}. Commit: {commit}.
"""
CHOICE = """## Which framework for what

On two cores of a CPU, from the figures below:

* **Tables and other small models**, where a step is mostly overhead: JAX or TensorFlow, some one
  and a half times as fast as PyTorch; JAX compiles in less time and keeps what it compiled for the
  next process.
* **Wide dense models**, where a step is mostly products: JAX or TensorFlow; PyTorch takes up to
  twice as long.
* **Convolutions**: JAX, a fifth to a third faster than the others. Stock Keras on JAX's CPU takes
  more than ten times as long as keras_ae there.
* **Recurrent models**: JAX or PyTorch; TensorFlow takes almost twice as long.
* **Scoring** many rows: JAX, twice as fast as the others. Its `predict` is as fast as Keras's own
  at the best batch size, give or take a fifth.
* **One short training**: PyTorch compiles nothing that takes long.

`mixed_bfloat16` is a matter of the processor and the framework. On this one, with AVX512-BF16 and
without AMX, it takes a quarter off a step's time on PyTorch and up to a sixth on TensorFlow, and
makes JAX's steps half again to twice as long; on another with the same instructions it was slower
on all three. Time it before you use it.

What could not be run: a GPU, a TPU, more than two cores. Nothing in `fit` assumes a CPU; what is
done on CPUs alone (batches in parts, products for convolutions, malloc's thresholds) asks for one.

Known gaps: PyTorch's table takes 1.4 times as long as by hand, where one vector holds all weights
and a kernel's last row is its bias; the other rows take up to 1.2 times as long. The geometric
means stand below each table.
"""


def main() -> None:
    """Read the figures that are there and write the page."""
    folder = pathlib.Path(sys.argv[1])
    found = {
        name: json.loads(path.read_text())
        for name in BACKENDS
        if (path := folder / f"{name}.json").exists()
    }
    parts = [head(found), CHOICE, training(found)]
    if any("scoring" in figures for figures in found.values()):
        parts.append(scoring(found))
    if any("mixed" in figures for figures in found.values()):
        parts.append(mixed(found))
    if any("growth" in figures for figures in found.values()):
        parts.append(growth(found))
    if (path := folder / "peers.json").exists():
        parts.append(peers(json.loads(path.read_text())))
    if (path := folder / "likelihood.json").exists():
        parts.append(likelihood(json.loads(path.read_text())))
    folder.with_suffix(".md").write_text("\n".join(parts))


def head(found: dict[str, Any]) -> str:
    """Return the page's beginning."""
    first = next(iter(found.values()))
    versions = {k: v for figures in found.values() for k, v in figures["versions"].items()}
    commits = {BACKENDS[name]: figures["commit"] for name, figures in found.items()}
    commit = ", ".join(f"{commit} ({name})" for name, commit in commits.items())
    if len(set(commits.values())) == 1:
        commit = next(iter(commits.values()))
    return HEAD.format(
        rounds=first["rounds"],
        machine=first["machine"],
        versions=", ".join(f"{name} {version}" for name, version in versions.items()),
        commit=commit,
    )


def training(found: dict[str, Any]) -> str:
    """Return the table of training steps for each framework."""
    lines = ["## Training: microseconds of a step", ""]
    for name, figures in found.items():
        rows = [
            [
                f"{row['title']}, batch {row['batch_size']}",
                *(f"{row['microseconds'][k]:,.0f}" for k in ("keras_ae", "stock", "by_hand")),
                f"{row['limit_microseconds']:,.0f}",
                f"{row['to_by_hand']:.2f}",
                f"{row['to_stock']:.2f}",
                f"{row['first_seconds']['keras_ae']:.1f} s",
            ]
            for row in figures["training"].values()
        ]
        mean = _geometric_mean([row["to_by_hand"] for row in figures["training"].values()])
        rows.append(["geometric mean", "", "", "", "", f"{mean:.2f}", "", ""])
        columns = ["keras_ae", "stock Keras", "by hand", "limit", "/ by hand", "/ stock", "first"]
        lines += [f"### {BACKENDS[name]}", "", table([BACKENDS[name], *columns], rows), ""]
    lines.append(
        "*first*: seconds of the first training, compiling and several epochs. The contenders "
        "compute the same losses; they are in the figures."
    )
    return "\n".join([*lines, ""])


def scoring(found: dict[str, Any]) -> str:
    """Return the table of a million rows scored."""
    rows = []
    for name, figures in found.items():
        row = figures.get("scoring")
        if row is None:
            continue
        seconds = row["seconds"]
        best = row["best_stock_batch"]
        rows.append(
            [
                BACKENDS[name],
                *(f"{seconds[k]:.2f} s" for k in ("score", "predict", "predict_32", "stock_32")),
                f"{seconds[f'stock_{best}']:.2f} s ({best})",
                f"{row['stock_32_to_predict_32']:.1f}",
                f"{row['best_stock_to_predict']:.1f}",
                f"{row['memory_of_input']:.2f}",
            ]
        )
    columns = [
        "",
        "`score`",
        "`predict`",
        "`predict`, batch 32",
        "stock, batch 32",
        "stock, best batch",
        "times faster at 32",
        "times faster at the best",
        "memory / input",
    ]
    return "\n".join(["## Scoring: 1,000,000 rows of 21 numbers", "", table(columns, rows), ""])


def mixed(found: dict[str, Any]) -> str:
    """Return the table of mixed precision."""
    rows = [
        [
            f"{BACKENDS[name]}, 784-{width}-16",
            *(f"{row['microseconds'][k]:,.0f}" for k in ("float32", "mixed_bfloat16")),
            f"{row['to_float32']:.2f}",
        ]
        for name, figures in found.items()
        for width, row in figures.get("mixed", {}).items()
    ]
    columns = ["VAE at batch 128, microseconds of a step", "float32", "mixed_bfloat16", "/ float32"]
    return "\n".join(["## Mixed precision on a CPU", "", table(columns, rows), ""])


def growth(found: dict[str, Any]) -> str:
    """Return the tables of one axis growing."""
    lines = ["## Growth: microseconds of a step of 21-64-32-64-21 at batch 128", ""]
    for axis in ("rows", "width"):
        sizes = list(next(iter(found.values()))["growth"][axis])
        rows = [
            [
                f"{BACKENDS[name]}, {title}",
                *(f"{figures['growth'][axis][size][contender]:,.0f}" for size in sizes),
            ]
            for name, figures in found.items()
            for contender, title in (("keras_ae", "keras_ae"), ("stock", "stock Keras"))
        ]
        lines += [table([axis, *(f"{int(size):,}" for size in sizes)], rows), ""]
    return "\n".join(lines)


def peers(found: dict[str, Any]) -> str:
    """Return the table of the peers."""
    rows = []
    for name, peer in (("table", "pyod"), ("mlp_vae", "pythae")):
        figures = found[name]
        ours = figures["times_faster"]
        rows.append(
            [
                f"{name}, seconds of an epoch",
                f"{figures[peer]['epoch']:.2f} ({peer} {found['versions'][peer]})",
                *(f"{figures[b]['epoch']:.3f} ({ours[b]['epoch']:.1f}x)" for b in BACKENDS),
            ]
        )
        if "usual_epoch" in figures[peer]:
            rows.append(
                [
                    f"{name}, {peer} with its batch normalization and dropout",
                    f"{figures[peer]['usual_epoch']:.2f}",
                    *(
                        f"{figures[b]['epoch']:.3f} ({ours[b]['usual_epoch']:.1f}x)"
                        for b in BACKENDS
                    ),
                ]
            )
        rows.append(
            [
                f"{name}, seconds that come once",
                f"{figures[peer]['once']:.2f}",
                *(f"{figures[b]['once']:.2f}" for b in BACKENDS),
            ]
        )
        if "score" in figures[peer]:
            rows.append(
                [
                    "1,000,000 rows scored, seconds",
                    f"{figures[peer]['score']:.1f}",
                    *(f"{figures[b]['score']:.2f} ({ours[b]['score']:.0f}x)" for b in BACKENDS),
                ]
            )
    taken = f"Commit: {found['commit']}."
    return "\n".join(["## Peers", "", taken, "", table(["", "peer", *BACKENDS.values()], rows), ""])


def likelihood(found: dict[str, Any]) -> str:
    """Return the table of exact log-likelihoods."""
    rows = [
        [
            BACKENDS[name],
            f"{figures['seconds']:,.0f} s",
            f"{figures['limit_seconds']:,.0f} s",
            f"{1000 * figures['image']:.1f} ms",
            f"{figures['memory_mb']:,.0f} MB",
            f"{figures['times_faster']:.1f}" if "times_faster" in figures else "",
        ]
        for name, figures in found.items()
        if name in BACKENDS
    ]
    lines = [
        f"## log p(x) with {found['samples']:,} samples an image",
        "",
        "MNIST test images, binarised, a VAE 784-512-16: `model.log_prob(x, samples)` with its "
        "compiling. The *limit* is the decoder's products at the framework's own rate; *memory* "
        f"is by how much the process's largest memory grew. Commit: {found['commit']}.",
        "",
    ]
    columns = ["", "10,000 images", "limit", "an image", "memory", "times as fast as pythae"]
    if peer := found.get("pythae"):
        rows.append(["pythae, PyTorch", "", "", f"{1000 * peer['image']:.1f} ms", "", "1"])
        lines[2] += (
            f" pythae's loop over images and draws was timed on {peer['rows']} images, "
            f"{peer['draws']:,} draws at once, its fastest of six sizes."
        )
    return "\n".join([*lines, table(columns, rows), ""])


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; numbers stand to the right."""
    lines = ["| " + " | ".join(columns) + " |", "|---" + "|---:" * (len(columns) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def _geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


if __name__ == "__main__":
    main()
