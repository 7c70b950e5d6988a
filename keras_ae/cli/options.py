"""Hyper-parameters as options: made from the index, read back as constructor arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from keras_ae.cli import index

FROM_DATA = ("input_shape", "condition")
SEPARATOR = "__"


class Ints(click.ParamType[list[int]]):
    """Whole numbers with commas between them; "none" for no number."""

    name = "ints"

    def convert(self, value: Any, param: Any, ctx: Any) -> list[int]:
        """Return the numbers."""
        if isinstance(value, list):
            return value
        if str(value).strip().lower() in ("", "none"):
            return []
        try:
            return [int(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f"must be whole numbers with commas between them. Received: {value!r}")


class Names(click.ParamType[list[str]]):
    """Names with commas between them; "none" for no name."""

    name = "names"

    def convert(self, value: Any, param: Any, ctx: Any) -> list[str]:
        """Return the names."""
        if isinstance(value, list):
            return value
        names = [part.strip() for part in str(value).split(",")]
        return [] if names in ([""], ["none"]) else names


class Data(click.ParamType[Any]):
    """Lists and dicts as JSON, or a name."""

    name = "json"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the data."""
        if not isinstance(value, str) or value[:1] not in "[{":
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            self.fail(f"must be JSON. Received: {value!r} ({error})")


TYPES: dict[str, Any] = {
    "bool": click.BOOL,
    "float": click.FLOAT,
    "int": click.INT,
    "ints": Ints(),
    "json": Data(),
    "names": Names(),
    "part": click.STRING,
    "str": click.STRING,
}


def hyper_parameters(variant: str) -> list[click.Option]:
    """Return the options of a variant: its parameters, and those of the parts it can take."""
    options: list[click.Option] = []
    for parameter in index.variant(variant)["parameters"]:
        if parameter["name"] in FROM_DATA:
            continue
        options.append(_option(parameter["name"], parameter["name"], parameter))
        if parameter["slot"]:
            options += nested_options(parameter["name"], parameter["slot"])
    return options


def nested_options(owner: str, slot: str) -> list[click.Option]:
    """Return the options of all parts that a parameter can be, as `--owner.option`."""
    options = []
    for name, entry in index.nested(slot).items():
        note = f"For {', '.join(entry['parts'])}: "
        help_text = {**entry, "help": note + entry["help"]}
        options.append(_option(f"{owner}.{name}", f"{owner}{SEPARATOR}{name}", help_text))
    return options


def arguments(given: Mapping[str, Any], variant: str) -> dict[str, Any]:
    """Return constructor arguments from option values, nested ones inside their part.

    Raises:
        ValueError: A nested option's part was not named and has no default.
    """
    found = {k: v for k, v in given.items() if v is not None and SEPARATOR not in k}
    defaults = {p["name"]: p["default"] for p in index.variant(variant)["parameters"]}
    for key, value in given.items():
        slot, _, name = key.partition(SEPARATOR)
        if not name or value is None:
            continue
        part = found.get(slot, defaults.get(slot))
        if part is None and slot == "decoder":
            part = found.get("encoder", defaults.get("encoder"))
            part = part["name"] if isinstance(part, dict) else part
        if part is None:
            raise ValueError(
                f"--{slot}.{name} needs a part to set. Received: no --{slot}. Name it by --{slot}."
            )
        if not isinstance(part, dict):
            part = {"name": part}
        found[slot] = {**part, name: value}
    return found


def _option(flag: str, target: str, parameter: Mapping[str, Any]) -> click.Option:
    default = parameter["default"]
    if isinstance(default, list):
        default = ",".join(map(str, default)) or "none"
    text = parameter["help"] or ""
    text += "" if default is None else f"  [default: {default}]"
    names = [f"--{flag.replace('_', '-')}"]
    if "_" in flag:
        names.append(f"--{flag}")
    return click.Option([*names, target], type=TYPES[parameter["type"]], default=None, help=text)
