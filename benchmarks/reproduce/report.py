"""Writes docs/reproduction.md: `python -m benchmarks.reproduce.report docs/reproduction`."""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks.report import BACKENDS, table

HEAD = """# Reproduction

Figures that others published beside ours, from the files in `docs/reproduction/`; written by
`python -m benchmarks.reproduce.report docs/reproduction`. Ours are means over seeds, with the
standard deviation of two seeds or more. *Difference* is ours less what was published; *seconds*
are those of one seed's training, compiling included.

{summary}
"""
COLUMNS = (
    "",
    "figure",
    "published",
    "ours",
    "difference",
    "seeds",
    "epochs",
    "seconds",
)


def main() -> None:
    """Read the files of a folder and write the page beside it."""
    folder = pathlib.Path(sys.argv[1])
    folder.with_suffix(".md").write_text(page(folder))


def page(folder: pathlib.Path) -> str:
    """Return the page of a folder's files, those of one experiment under one heading."""
    experiments: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_text())
        experiments.setdefault(found["experiment"], []).append(found)
    several = list(experiments.values())
    parts = [HEAD.format(summary=summary([row for files in several for row in told(files)]))]
    return "\n".join([*parts, *map(section, several)])


def summary(rows: list[dict[str, Any]]) -> str:
    """Return how many of the published figures are reached."""
    rows = [row for row in rows if row["published"]]
    short = sum(map(is_short, rows))
    missing = sum(row["ours"] is None for row in rows)
    text = f"Of {len(rows)} comparisons ours reach {len(rows) - short - missing}"
    if short:
        text += f" and fall short in {short}, which are named below their tables"
    if missing:
        text += f"; {missing} have not been run"
    return f"{text}.\nA figure is reached if ours is no worse, but for the published spread."


def section(files: list[dict[str, Any]]) -> str:
    """Return an experiment's heading, what is to be said of it, and the table of each file."""
    first = files[0]
    lines = [f"## {first['title']}", "", first["about"], ""]
    lines += [f"* *{name}*: {what}." for name, what in first["figures"].items()]
    lines += ["", "What differs from the source:", ""]
    lines += [f"* {sentence}" for sentence in first["differs"]]
    rows = told(files)
    for results in files:
        lines += block(results, [row for row in rows if row["results"] is results])
    return "\n".join(lines).rstrip() + "\n"


def block(results: dict[str, Any], rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a file: its settings, its table, and where it is short."""
    alone = not any(row["published"] for row in rows)
    shown = by_case(results, rows) if alone else table(COLUMNS, map(cells, rows))
    yield from ("", settings(results), "", shown, "")
    compared = [row for row in rows if row["published"] and row["ours"] is not None]
    short = [sentence(row) for row in compared if is_short(row)]
    if short:
        yield from ("Where ours is short:", "", *short)
    elif compared:
        yield "Ours is short of none of these."
    if note := order(results):
        yield from ("", note)
    for case in results["cases"].values():
        for seed, run in list(case["seeds"].items())[:1]:
            if lines := run.get("remarks"):
                yield from ("", f"{case['title']}, seed {seed}:", "", *(f"* {x}" for x in lines))
    cases = results["cases"].values()
    if waiting := [case["title"] for case in cases if not case["seeds"] and not case["published"]]:
        yield from ("", f"Not run yet: {', '.join(waiting)}.")


def told(files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of an experiment's files, without those that another of them has run."""
    rows = [row for results in files for row in rows_of(results)]
    seen = {row["key"] for row in rows if row["ours"] is not None}
    kept = []
    for row in rows:
        if row["ours"] is not None or row["key"] not in seen:
            kept.append(row)
            seen.add(row["key"])
    return kept


def rows_of(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each figure of each case, once for each that was published, or alone."""
    for name, case in results["cases"].items():
        for figure in results["figures"]:
            published = [p for p in case["published"] if p["figure"] == figure]
            ours = case.get("mean", {}).get(figure)
            if ours is None and not published:
                continue
            for other in published or [None]:
                yield {
                    "results": results,
                    "key": (name, figure, other and other["value"]),
                    "case": case,
                    "figure": figure,
                    "published": other,
                    "ours": ours,
                    "std": case.get("std", {}).get(figure),
                    "sign": -1.0 if figure in results["higher"] else 1.0,
                }


def by_case(results: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Return the table of figures that nothing was published beside: a row for each case."""
    cases: dict[str, dict[str, Any]] = {}
    for row in rows:
        cases.setdefault(row["case"]["title"], {})[row["figure"]] = row
    lines = []
    for title, found in cases.items():
        of_case = cells(next(iter(found.values())))
        figures = [own(found[name]) if name in found else "" for name in results["figures"]]
        lines.append([title, *figures, *of_case[-3:]])
    return table(("", *results["figures"], *COLUMNS[-3:]), lines)


def is_short(row: dict[str, Any]) -> bool:
    """Return whether ours is worse than the published figure, by more than its spread."""
    other, ours = row["published"], row["ours"]
    if ours is None:
        return False
    return bool(row["sign"] * (ours - other["value"]) > (other["spread"] or 0.0))


def cells(row: dict[str, Any]) -> list[str]:
    """Return a row of the table."""
    other, ours, runs = row["published"], row["ours"], row["case"]["seeds"]
    published = difference = ""
    if other:
        published = f"[{number(other['value'])}]({other['source']})"
        if other["spread"] is not None:
            published += f" ± {number(other['spread'], other['value'])}"
        remarks = [other["note"]] if other["note"] else []
        if other["epochs"]:
            remarks.insert(0, f"{other['epochs']:,} epochs")
        published += f" ({'; '.join(remarks)})" if remarks else ""
        if ours is not None:
            difference = f"{number(ours - other['value'], ours, '+')}"
    seconds = [run["seconds"].get("training", 0.0) for run in runs.values()]
    return [
        row["case"]["title"],
        row["figure"],
        published,
        own(row) if ours is not None else "not run",
        difference,
        ", ".join(runs),
        epochs(row["case"]),
        f"{sum(seconds) / len(seconds):,.0f}" if seconds else "",
    ]


def own(row: dict[str, Any]) -> str:
    """Return our mean, and its deviation over seeds."""
    spread = "" if row["std"] is None else f" ± {number(row['std'], row['ours'])}"
    return f"{number(row['ours'])}{spread}"


def epochs(case: dict[str, Any]) -> str:
    """Return how many epochs were run, as the logs have them."""
    return ", ".join(f"{length:,}" for length in sorted(lengths(case)))


def lengths(case: dict[str, Any]) -> set[int]:
    """Return the numbers of epochs of a case's seeds."""
    histories = [run["history"] for run in case["seeds"].values() if run["history"]]
    return {len(next(iter(history.values()))) for history in histories}


def sentence(row: dict[str, Any]) -> str:
    """Return by how much ours is worse, and after how long."""
    other, ours = row["published"], row["ours"]
    worse = number(abs(ours - other["value"]), ours)
    text = f"* {row['case']['title']}, *{row['figure']}*: {own(row)}, {worse} worse than "
    text += number(other["value"])
    if other["epochs"] and 0 < max(lengths(row["case"]), default=0) < other["epochs"]:
        text += f", after {epochs(row['case'])} of its {other['epochs']:,} epochs"
    return f"{text}."


def settings(results: dict[str, Any]) -> str:
    """Return where a file's figures were taken, with which settings, and of which commits."""
    given = {name: value for name, value in results["settings"].items() if value is not None}
    chosen = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in given.items())
    runs = [run for case in results["cases"].values() for run in case["seeds"].values()]
    commits = ", ".join(dict.fromkeys(run["commit"] for run in runs)) or "none yet"
    machines = dict.fromkeys(run["machine"] for run in runs)
    versions = dict.fromkeys(f"{n} {v}" for run in runs for n, v in run["versions"].items())
    where = ", ".join([f"**{BACKENDS[results['backend']]}**", *versions, *machines])
    text = f"{where}; `benchmarks.reproduce.{results['experiment']}`: {chosen}. Commit: {commits}."
    if {"rows", "test_rows"} & set(given):
        text += " A trial: not all of the data."
    return text


def order(results: dict[str, Any]) -> str:
    """Return in how many seeds the cases stand in the source's order, if it has one."""
    names, figure = results["order"], results["ordered"]
    seeds = [results["cases"][name]["seeds"] for name in names]
    common = [seed for seed in seeds[0] if all(seed in runs for runs in seeds)] if seeds else []
    if not common:
        return ""
    values = [[runs[seed]["figures"][figure] for runs in seeds] for seed in common]
    holds = sum(found == sorted(set(found)) for found in values)
    titles = " < ".join(results["cases"][name]["title"] for name in names)
    return f"The source's order, {titles}, holds in {holds} of {len(common)} seeds."


def number(value: float, scale: float | None = None, sign: str = "") -> str:
    """Return a number: two digits after the point where its scale is 2 or more, else four."""
    digits = 2 if abs(value if scale is None else scale) >= 2 else 4
    return f"{value:{sign}.{digits}f}"


if __name__ == "__main__":
    main()
