"""The settings of a training run: what config.yaml holds and what may be in it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

import click

from keras_ae.cli import index
from keras_ae.naming import nearest

SCHEDULES = ("constant", "cosine", "exponential")
CONDITIONS = ("labels",)
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
LARGEST_SEED = 2**32 - 1
KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "str": ("text", (str,)),
    "int": ("a whole number", (int,)),
    "float": ("a number", (int, float)),
    "dict": ("a mapping", (dict,)),
}


@dataclass(frozen=True)
class Settings:
    """Everything that makes a run again."""

    variant: str
    data: str
    hyper_parameters: dict[str, Any] = field(default_factory=dict)
    label_column: str | None = None
    condition: str | None = None
    limit: int | None = None
    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 1e-3
    learning_rate_schedule: str = "constant"
    gradient_clip: float | None = None
    precision: str = "float32"
    patience: int | None = None
    validation: float | None = None
    seed: int = 0
    backend: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with.

        Raises:
            ValueError: A value has a wrong type or is out of its range, or a choice is unknown.
        """
        for one in fields(self):
            _check_kind(one.name, str(one.type), getattr(self, one.name))
        if not self.data.strip():
            raise ValueError(f"`data` must be a name or a path. Received: data={self.data!r}")
        known = [parameter["name"] for parameter in index.variant(self.variant)["parameters"]]
        _check_known(f"a hyper-parameter of {self.variant}", self.hyper_parameters, known)
        for name in ("epochs", "batch_size", "learning_rate", "gradient_clip", "patience", "limit"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ValueError(f"`{name}` must be above 0. Received: {name}={value}")
        if not 0 <= self.seed <= LARGEST_SEED:
            raise ValueError(f"`seed` must be from 0 to {LARGEST_SEED}. Received: seed={self.seed}")
        if self.validation is not None and not 0 <= self.validation < 1:
            raise ValueError(
                f"`validation` must be a share in [0, 1). Received: validation={self.validation}"
            )
        chosen: dict[str, tuple[str, ...]] = {
            "learning_rate_schedule": SCHEDULES,
            "precision": PRECISIONS,
        }
        if self.condition is not None:
            chosen["condition"] = CONDITIONS
        for name, choices in chosen.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"`{name}` must be one of {list(choices)}. Received: {getattr(self, name)!r}"
                )

    @property
    def held_out(self) -> float:
        """Share of the training rows that are held out for validation."""
        if self.validation is not None:
            return self.validation
        return 0.1 if self.patience is not None else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Settings:
        """Return settings from plain data.

        Raises:
            ValueError: A key is unknown or missing, or a value has a wrong type.
        """
        for one in fields(cls):
            needed = one.default is MISSING and one.default_factory is MISSING
            if needed and one.name not in settings:
                raise ValueError(f"settings must have `{one.name}`. Received: {sorted(settings)}")
        _check_known("a setting", settings, [one.name for one in fields(cls)])
        return cls(**settings)


def check_limit(limit: int | None) -> None:
    """Refuse a number of rows that is not at least 1.

    Raises:
        ValueError: As said.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"`limit` must be at least 1. Received: limit={limit}")


def _check_known(what: str, names: Iterable[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(
                f"{what} must be one of {known}. Received: {name!r}. {nearest(str(name), known)}"
            )


def _check_kind(name: str, annotation: str, value: Any) -> None:
    if value is None and "None" in annotation:
        return
    words, types = KINDS[annotation.partition("[")[0].partition(" ")[0]]
    if not isinstance(value, types) or isinstance(value, bool):
        raise ValueError(f"`{name}` must be {words}. Received: {name}={value!r}")


def options() -> list[click.Option]:
    """Return the options that every training has, whatever the variant."""
    number, share = click.INT, click.FLOAT
    return [
        click.Option(["--data"], required=True, help="A name (mnist, digits, ...) or a path."),
        click.Option(["--out"], required=True, help="The run folder to write."),
        click.Option(["--epochs"], type=number, help="Passes over the data.  [default: 20]"),
        click.Option(["--batch-size"], type=number, help="Rows of a step.  [default: 128]"),
        click.Option(["--learning-rate"], type=share, help="Of Adam.  [default: 0.001]"),
        click.Option(
            ["--learning-rate-schedule"],
            help=f"One of {', '.join(SCHEDULES)}; over all steps.  [default: constant]",
        ),
        click.Option(["--gradient-clip"], type=share, help="Largest global norm of a gradient."),
        click.Option(["--precision"], help=f"One of {', '.join(PRECISIONS)}."),
        click.Option(
            ["--patience"],
            type=number,
            help="Stop after so many epochs without a better held-out loss; keep the best.",
        ),
        click.Option(
            ["--validation"],
            type=share,
            help="Share of the training rows held out.  [default: 0.1 with --patience, else 0]",
        ),
        click.Option(["--limit"], type=number, help="Use the first rows only."),
        click.Option(["--label-column"], help="The column of labels in a table."),
        click.Option(
            ["--condition"], help="What the model is told of each row: labels, those of the data."
        ),
        click.Option(["--seed"], type=number, help="Of weights, order and noise.  [default: 0]"),
        click.Option(["--backend"], help="jax, tensorflow or torch; Keras's choice otherwise."),
        *export_options(),
    ]


def export_options() -> list[click.Option]:
    """Return the options that export what was trained."""
    return [
        click.Option(
            ["--export"],
            is_flag=False,
            flag_value="",
            default=None,
            help="Also write a SavedModel, under this name or the run folder's.",
        ),
        click.Option(
            ["--saved-models"],
            default="saved_models",
            help="The model repository.  [default: saved_models]",
        ),
    ]
