"""The folder of one training run, in which every file is whole or absent."""

from __future__ import annotations

import importlib
import json
import math
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from keras_ae.files import PARTIAL, replacing


class RunFolder:
    """Files of a run: model, settings, history, figures of merit, pictures, checkpoint.

    Args:
        path: The folder; made when something is written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.model = self.path / "model.keras"
        self.config = self.path / "config.yaml"
        self.history = self.path / "history.csv"
        self.metrics = self.path / "metrics.json"
        self.checkpoint = self.path / "checkpoint.keras"
        self.best = self.path / "best.weights.h5"

    def create(self) -> None:
        """Make the folder, without what a killed process left half-written.

        Raises:
            OSError: It cannot be made or written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise OSError(
                f"a run must be a folder that can be written. Received: {self.path} "
                f"({error.strerror})"
            ) from error
        for left in self.path.glob(f"{PARTIAL}*"):
            left.unlink()

    def clear(self) -> None:
        """Remove what an earlier training wrote, so that no run is a mixture of two."""
        files = (self.model, self.config, self.history, self.metrics, self.checkpoint, self.best)
        for old in (*files, *self.path.glob("*.png")):
            old.unlink(missing_ok=True)

    def write(self, target: Path, save: Callable[[Path], Any]) -> None:
        """Write a file by `save(temporary path)` and put it in place at once."""
        with replacing(target) as partial:
            save(partial)

    def write_text(self, target: Path, text: str) -> None:
        """Write a text file at once."""
        self.write(target, lambda partial: partial.write_text(text))

    def write_config(self, settings: Mapping[str, Any]) -> None:
        """Write the settings that make the run again."""
        import yaml

        self.write_text(self.config, yaml.safe_dump(dict(settings), sort_keys=False))

    def read_config(self) -> dict[str, Any]:
        """Return the settings of the run."""
        return read_config(self.config)

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write the figures of merit."""
        self.write_text(self.metrics, json.dumps(metrics, indent=2) + "\n")

    def read_metrics(self) -> dict[str, Any]:
        """Return the figures of merit, none when they were not taken.

        Raises:
            ValueError: The file is damaged.
        """
        if not self.metrics.is_file():
            return {}
        try:
            metrics = json.loads(self.metrics.read_text())
        except ValueError as error:
            raise ValueError(
                f"{self.metrics.name} must be JSON. Received: {self.metrics} ({error})"
            ) from error
        return dict(metrics)

    def write_history(self, rows: list[dict[str, float]]) -> None:
        """Write one row an epoch."""
        names = sorted({name for row in rows for name in row} - {"epoch"})
        lines = [",".join(["epoch", *names])]
        for row in rows:
            lines.append(",".join(repr(row.get(name, math.nan)) for name in ["epoch", *names]))
        self.write_text(self.history, "\n".join(lines) + "\n")

    def read_history(self) -> list[dict[str, float]]:
        """Return the rows of the history, none when there is no file.

        Raises:
            ValueError: The file is damaged.
        """
        if not self.history.is_file():
            return []
        try:
            header, *lines = self.history.read_text().splitlines()
            names = header.split(",")
            rows = [dict(zip(names, map(float, line.split(",")), strict=True)) for line in lines]
            return [{**row, "epoch": int(row["epoch"])} for row in rows]
        except (ValueError, KeyError) as error:
            raise ValueError(
                f"a history must be a whole table with a column `epoch`. Received: {self.history} "
                f"({error})"
            ) from error

    def load_model(self) -> Any:
        """Return the trained model.

        Raises:
            FileNotFoundError: The folder holds no model.
            ValueError: The file is damaged.
        """
        return load_model(self.model)


def load_model(path: Path) -> Any:
    """Return the model of a `.keras` file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged or holds another kind of model.
    """
    import keras

    from keras_ae.latent_model import LatentModel

    for name in ("models", "samplers"):  # Keras loads classes that it knows
        importlib.import_module(f"keras_ae.{name}")
    if not path.is_file():
        raise FileNotFoundError(
            f"a run folder must hold {path.name}. Received: {path}, which is not there."
        )
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"{path.name} must be a whole model file. Received: {path}, which is damaged"
        )
    try:
        model = keras.saving.load_model(path)
    except Exception as error:  # Keras raises whatever the damage causes.
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(
            f"{path.name} must be a whole model file. Received: {path} ({reason[0]})"
        ) from error
    if not isinstance(model, LatentModel):
        raise ValueError(
            f"{path.name} must hold a keras_ae model. Received: {type(model).__name__} in {path}"
        )
    return model


def read_config(path: Path) -> dict[str, Any]:
    """Return the settings in a YAML file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a mapping.
    """
    import yaml

    if not path.is_file():
        raise FileNotFoundError(f"the settings must be a YAML file. Received: {path}, not there.")
    try:
        settings = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path} must be YAML. Received: {reason}") from error
    if not isinstance(settings, dict) or "variant" not in settings:
        raise ValueError(f"{path} must hold a mapping with `variant`. Received: {settings!r:.80}")
    return settings
