"""Writes docs/tabular.md: `python -m benchmarks.tabular.report docs/tabular`."""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.stats import rankdata

from benchmarks.report import table
from benchmarks.tabular.splits import PROTOCOLS

HEAD = """# Tables

What the estimators do on tables, by their defaults, beside others; written by
`python -m benchmarks.tabular.report docs/tabular` from the files in `docs/tabular/`.
"""
ANOMALIES = """## Anomalies

AUROC in percent, means over {sets} sets of ADBench and {seeds} seeds. *Choosing*: every other set
in the order of names, on which the default score was chosen; *reporting*: the others. *Rank*:
mean over all sets of a method's place among those of a table that ran on all of them. *Seconds*:
fit and scoring, mean of a set. The network's sizes, and that the nearest other row counts and not
the second, were chosen on the first 18 sets, of both halves.
"""
PUBLISHED = """Columns of {source}, over the same sets by name: {columns}.
"""
CLUSTERS = """## Clusters

Accuracy under the best naming of clusters, normalised mutual information and adjusted Rand index,
percent, means over seeds with their deviation; rows are standardised, and the number of clusters
is that of the classes. `penbased` is UCI's pen-based digits. *k-means* and *mixture* (full
covariances) are of the rows themselves; `autoencoder` is k-means of its codes.
"""
IMPUTATION = """## Gaps

Half of the entries are taken out by chance and filled in; root mean squared error of these, in
deviations of the columns, means over seeds with their deviation. The others are scikit-learn's.
"""
SPEED = """## Time

20,000 rows of 21 numbers are fitted and 1,000,000 scored, each contender in a process of its own
and in turn, seconds, medians over {times} of them. *First fit* is a process's first one,
compiling included.
"""


def main() -> None:
    """Read the files of a folder and write the page beside it."""
    folder = pathlib.Path(sys.argv[1])
    parts = [HEAD]
    sections: dict[str, Callable[[dict[str, Any]], str]] = {
        "anomalies": anomalies,
        "clusters": clusters,
        "imputation": imputation,
        "speed": speed,
    }
    for name, section in sections.items():
        path = folder / f"{name}.json"
        if path.is_file():
            found = json.loads(path.read_text())
            origin = f"{found['backend']}; commit {found['commit']}."
            parts.append(f"{section(found)}\n{origin}\n")
    folder.with_suffix(".md").write_text("\n".join(parts))


def anomalies(found: dict[str, Any]) -> str:
    """Return the section of detectors: a table of each protocol."""
    sets, parts = found["sets"], []
    published = json.loads(pathlib.Path(__file__).with_name("published.json").read_text())
    for protocol, what in PROTOCOLS.items():
        there = {name: facts[protocol] for name, facts in sets.items() if protocol in facts}
        if not there:
            continue
        parts.append(f"### {protocol.capitalize()}\n\n{what[0].upper()}{what[1:]}.\n")
        parts.append(_table(there, sets))
        if protocol in published:
            columns = published[protocol]
            names = [name for name in there if name in columns]
            means = {m: np.mean([columns[n][m] for n in names]) for m in columns[names[0]]}
            shown = ", ".join(f"{method} {mean:.2f}" for method, mean in means.items())
            parts.append("\n" + PUBLISHED.format(source=published["source"], columns=shown))
    seeds = {len(runs) for f in sets.values() for p, runs in f.items() if p in PROTOCOLS}
    head = ANOMALIES.format(sets=len(sets), seeds=max(seeds))
    return "\n".join([head, *parts])


def _table(there: dict[str, Any], sets: dict[str, Any]) -> str:
    figures = {name: dict(_means(runs)) for name, runs in there.items()}
    methods = sorted({method for of_set in figures.values() for method in of_set})
    whole = [m for m in methods if all(m in of_set for of_set in figures.values())]
    areas = np.array([[of_set[m]["auroc"] for m in whole] for of_set in figures.values()])
    ranks = rankdata(-areas, axis=1).mean(axis=0)
    rows = []
    for method in methods:
        of_sets = {name: f[method] for name, f in figures.items() if method in f}
        halves = [
            [f["auroc"] for name, f in of_sets.items() if sets[name]["chooses"] in kinds]
            for kinds in ((True, False), (True,), (False,))
        ]
        seconds = [f["seconds"] for f in of_sets.values()]
        rank = f"{ranks[whole.index(method)]:.1f}" if method in whole else "-"
        shown = [f"{np.mean(half):.2f}" if half else "-" for half in halves]
        rows.append([f"`{method}`", str(len(of_sets)), *shown, rank, f"{np.mean(seconds):.2f}"])
    rows.sort(key=lambda row: -float(row[2]))
    return table(("", "sets", "all", "choosing", "reporting", "rank", "seconds"), rows)


def _means(runs: dict[str, Any]) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield each method that did not fail with its means over seeds."""
    for method in next(iter(runs.values())):
        done = [run[method] for run in runs.values() if "auroc" in run.get(method, {})]
        if len(done) == len(runs):
            area = float(np.mean([one["auroc"] for one in done]))
            seconds = float(np.mean([sum(one["seconds"].values()) for one in done]))
            yield method, {"auroc": area, "seconds": seconds}


def clusters(found: dict[str, Any]) -> str:
    """Return the section of clusters."""
    parts = [CLUSTERS]
    for name, of_set in found["sets"].items():
        rows = []
        for method, runs in of_set.items():
            if not isinstance(runs, dict):
                continue
            shown = []
            for figure in ("accuracy", "nmi", "ari"):
                values = [run[figure] for run in runs.values()]
                shown.append(f"{np.mean(values):.1f} ± {np.std(values):.1f}")
            seconds = np.mean([run["seconds"] for run in runs.values()])
            rows.append([f"`{method}`", *shown, str(len(runs)), f"{seconds:.1f}"])
        facts = f"{of_set['rows']:,} rows of {of_set['columns']}, {of_set['classes']} classes"
        parts.append(f"`{name}`: {facts}.\n")
        parts.append(table(("", "accuracy", "NMI", "ARI", "seeds", "seconds"), rows) + "\n")
    return "\n".join(parts)


def imputation(found: dict[str, Any]) -> str:
    """Return the section of gaps."""
    rows = []
    methods: list[str] = []
    for name, of_set in found["sets"].items():
        methods = [method for method, runs in of_set.items() if isinstance(runs, dict)]
        shown = []
        for method in methods:
            errors = [run["rmse"] for run in of_set[method].values()]
            shown.append(f"{np.mean(errors):.3f} ± {np.std(errors):.3f}")
        rows.append([f"`{name}`, {of_set['rows']:,} x {of_set['columns']}", *shown])
    return "\n".join([IMPUTATION, table(("", *(f"`{m}`" for m in methods)), rows), ""])


def speed(found: dict[str, Any]) -> str:
    """Return the section of times."""
    runs = found["sets"]
    kinds = ("first_fit", "fit", "score")
    medians = {
        name: {kind: float(np.median([one[kind] for one in of])) for kind in kinds}
        for name, of in runs.items()
    }
    rows = [[f"`{n}`", *(f"{m[kind]:.2f}" for kind in kinds)] for n, m in medians.items()]
    ratios = [f"{medians['pyod'][kind] / medians['keras_ae'][kind]:.1f}" for kind in kinds]
    rows.append(["ratio", *ratios])
    head = SPEED.format(times=len(runs["keras_ae"]))
    return "\n".join([head, table(("", "first fit", "fit", "scoring"), rows), ""])


if __name__ == "__main__":
    main()
