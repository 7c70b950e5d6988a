"""The settings of a training run: what config.yaml holds and what may be in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import click

from keras_ae.naming import nearest

SCHEDULES = ("constant", "cosine", "exponential")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclass(frozen=True)
class Settings:
    """Everything that makes a run again."""

    variant: str
    data: str
    hyper_parameters: dict[str, Any] = field(default_factory=dict)
    label_column: str | None = None
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
            ValueError: A number is out of its range, or a choice is unknown.
        """
        for name in ("epochs", "batch_size", "learning_rate", "gradient_clip", "patience", "limit"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"`{name}` must be above 0. Received: {name}={value}")
        if self.validation is not None and not 0 <= self.validation < 1:
            raise ValueError(
                f"`validation` must be a share in [0, 1). Received: validation={self.validation}"
            )
        for name, known in (("learning_rate_schedule", SCHEDULES), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"`{name}` must be one of {list(known)}. Received: {getattr(self, name)!r}"
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
            ValueError: A key is unknown.
        """
        known = [f.name for f in fields(cls)]
        for key in settings:
            if key not in known:
                raise ValueError(
                    f"a setting must be one of {known}. Received: {key!r}. "
                    f"{nearest(str(key), known)}"
                )
        return cls(**settings)


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
