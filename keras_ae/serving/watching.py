"""Keeps what is served in step with the folders of a model repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_ae.repository import config, layout
from keras_ae.serving.versions import Version

State = tuple[tuple[str, int, int], ...]


class Watcher:
    """The versions under a folder that could be loaded.

    Args:
        root: The model repository.
        tell: Is told in a line what was loaded, could not be, or is gone.
    """

    def __init__(self, root: Path, tell: Callable[[str], None]) -> None:
        self.root, self._tell = root, tell
        self.versions: dict[tuple[str, int], Version] = {}
        self._refused: dict[tuple[str, int], State] = {}
        self._labels: dict[str, dict[str, int]] = {}

    def scan(self) -> bool:
        """Load what is new, drop what is gone; return whether anything changed."""
        found = self._folders()
        gone = [key for key in self.versions if key not in found]
        for key in gone:
            del self.versions[key]
            self._tell(f"{key[0]} {key[1]}: gone")
        loaded = [self._load(key, folder) for key, folder in sorted(found.items())]
        labels = self._read_labels()
        changed = bool(gone) or any(loaded) or labels != self._labels
        self._labels = labels
        return changed

    def names(self) -> dict[str, Version]:
        """Return what each name stands for.

        `NAME` is the largest version, as with TensorFlow Serving; `NAME@3` is a version and
        `NAME@stable` a label of `models.config`.
        """
        names: dict[str, Version] = {}
        for (name, number), version in sorted(self.versions.items(), key=lambda item: item[0]):
            names[name] = names[f"{name}@{number}"] = version
        for name, labels in self._labels.items():
            for label, number in labels.items():
                if (name, number) in self.versions:
                    names[f"{name}@{label}"] = self.versions[name, number]
        return names

    def _folders(self) -> dict[tuple[str, int], Path]:
        return {
            (base.name, number): base / str(number)
            for base in sorted(self.root.iterdir())
            if not base.name.startswith(".")
            for number in layout.versions(base)
        }

    def _load(self, key: tuple[str, int], folder: Path) -> bool:
        if key in self.versions:
            return False
        state = _state(folder)
        if self._refused.get(key) == state:
            return False
        try:
            self.versions[key] = Version(*key, folder)
        except Exception as error:  # whatever is wrong with it, the others are served
            self._refused[key] = state
            self._tell(f"{key[0]} {key[1]}: not served: {' '.join(str(error).split())}")
            return False
        self._refused.pop(key, None)
        signatures = ", ".join(sorted(self.versions[key].functions))
        self._tell(f"{key[0]} {key[1]}: served: {signatures}")
        return True

    def _read_labels(self) -> dict[str, dict[str, int]]:
        try:
            return config.labels_of(self.root)
        except (ValueError, OSError) as error:
            if self._labels:  # said once
                self._tell(f"labels are not served: {' '.join(str(error).split())}")
            return {}


def _state(folder: Path) -> State:
    """Return what changes while a folder is copied."""
    found: list[Any] = []
    for path in sorted(folder.rglob("*")):
        stat = path.stat()
        found.append((path.name, stat.st_size, stat.st_mtime_ns))
    return tuple(found)
