"""The model card of a version: what it is, what it was trained on, how good, and its checksums."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = "model_card.md"
FENCE = "---\n"
NOISE = {"": "", "normal": " from N(0, 1)", "uniform": " even in [0, 1)"}


def write(folder: Path, name: str, version: str, said: Mapping[str, Any]) -> None:
    """Write the card of a finished folder, with the checksums of all its other files."""
    import yaml

    whole = {"name": name, "version": version, **said, "sha256": checksums(folder)}
    head = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, default_flow_style=None)
    (folder / FILE).write_text(f"{FENCE}{head}{FENCE}\n{_prose(whole)}")


def read(folder: Path) -> dict[str, Any]:
    """Return what the card of a version says.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is damaged.
    """
    import yaml

    path = folder / FILE
    if not path.is_file():
        raise FileNotFoundError(f"a version must have a {FILE}. Received: {folder} without one")
    try:
        start, head, _ = path.read_text().split(FENCE, 2)
        said = yaml.safe_load(head)
        if start or not isinstance(said, dict) or not isinstance(said.get("sha256"), dict):
            raise ValueError("no facts before its text")
    except (ValueError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"a {FILE} must be whole. Received: {path} ({reason})") from error
    return said


def check(folder: Path) -> dict[str, Any]:
    """Return what the card says, once all files are there as it lists them.

    Raises:
        FileNotFoundError: There is no card.
        ValueError: A file is missing, changed or unknown.
    """
    said = read(folder)
    found, listed = checksums(folder), said["sha256"]
    for path in sorted({*found, *listed}):
        if found.get(path) != listed.get(path):
            how = "changed" if path in found and path in listed else "missing"
            how = "not on its card" if path not in listed else how
            raise ValueError(
                f"a version must be whole and unchanged. Received: {folder / path}, which is {how}"
            )
    return said


def checksums(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file but the card, by its path in the folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / FILE:
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(
                    file, "sha256"
                ).hexdigest()
    return found


def _prose(said: Mapping[str, Any]) -> str:
    lines = [
        f"# {said['name']}, version {said['version']}",
        "",
        f"A `{said['variant']}` of keras_ae with {said['parameters']:,} parameters"
        + (f"; {said['paper']}." if said["paper"] else "."),
        "",
        "| signature | inputs | output |",
        "|---|---|---|",
    ]
    for name, ends in said["signatures"].items():
        columns = [
            ", ".join(
                f"`{key}` {tuple(t['shape'])} {t['dtype']}{NOISE[t.get('noise', '')]}{_range(t)}"
                for key, t in side.items()
            )
            for side in (ends["inputs"], ends["outputs"])
        ]
        lines.append(f"| `{name}` | {' | '.join(columns)} |".replace("None", "batch"))
    lines += ["", "| format | largest difference from the model | seconds |", "|---|---|---|"]
    for name, copy in said["formats"].items():
        worst = max(copy["differences"].values())
        lines.append(f"| {name} | {worst:.2g} of max(1, abs(value)) | {copy['seconds']} |")
    if data := said["metrics"].get("data"):
        lines += ["", f"Trained on {data.get('name')}: {data.get('origin')}."]
    if test := said["metrics"].get("test"):
        figures = ", ".join(f"{k} {v:.6g}" for k, v in test.items() if isinstance(v, float))
        lines += ["", f"On rows that it was not trained on: {figures}."]
    return "\n".join(lines) + "\n"


def _range(tensor: Mapping[str, Any]) -> str:
    if "below" not in tensor:
        return ""
    unknown = ", -1 where it is not known" if tensor.get("least") == -1 else ""
    return f" from 0 to {tensor['below'] - 1}{unknown}"
