"""Keeps what is served in step with the folders of a model repository."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_ae.repository import config, layout
from keras_ae.serving.versions import MOST_BYTES, Version

State = tuple[tuple[str, int, int], ...]


class Watcher:
    """The versions under a folder that could be loaded.

    Args:
        root: The model repository.
        tell: Is told in a line what was loaded, could not be, or is gone.
        most_bytes: Size of an answer's tensors, at most.
    """

    def __init__(
        self, root: Path, tell: Callable[[str], None], most_bytes: int = MOST_BYTES
    ) -> None:
        self.root, self._tell, self._most_bytes = root, tell, most_bytes
        self.versions: dict[tuple[str, int], Version] = {}
        self._states: dict[tuple[str, int], State] = {}
        self._labels: dict[str, dict[str, int]] = {}
        self._told: set[str] = set()

    def scan(self) -> bool:
        """Load what is new, drop what is gone; return whether anything changed."""
        try:
            found = self._folders()
        except OSError as error:  # what is served stays
            self._tell_once(f"{self.root} cannot be read: {error.strerror}")
            return False
        gone = [key for key in self.versions if key not in found]
        for key in gone:
            del self.versions[key]
            self._tell(f"{key[0]} {key[1]}: gone")
        self._states = {key: state for key, state in self._states.items() if key in found}
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
        found = {}
        for base in sorted(self.root.iterdir()):
            if not base.name.startswith("."):
                with contextlib.suppress(OSError):  # a folder that is not ours to read
                    found.update({(base.name, n): base / str(n) for n in layout.versions(base)})
        return found

    def _load(self, key: tuple[str, int], folder: Path) -> bool:
        state = _state(folder)
        if self._states.get(key) == state:
            return False
        self._states[key] = state
        try:
            self.versions[key] = Version(*key, folder, self._most_bytes)
        except Exception as error:  # whatever is wrong with it, the others are served
            self._tell(f"{key[0]} {key[1]}: not served: {' '.join(str(error).split())}")
            return self.versions.pop(key, None) is not None
        signatures = ", ".join(sorted(self.versions[key].functions))
        self._tell(f"{key[0]} {key[1]}: served: {signatures}")
        return True

    def _read_labels(self) -> dict[str, dict[str, int]]:
        try:
            return config.labels_of(self.root)
        except (ValueError, OSError) as error:
            self._tell_once(f"labels are not served: {' '.join(str(error).split())}")
            return {}

    def _tell_once(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._tell(line)


def _state(folder: Path) -> State:
    """Return what changes while a folder is copied."""
    found: list[Any] = []
    with contextlib.suppress(OSError):  # a folder that goes while it is read
        for path in sorted(folder.rglob("*")):
            with contextlib.suppress(OSError):  # gone since, or a link that leads nowhere
                stat = path.stat()
                found.append((path.name, stat.st_size, stat.st_mtime_ns))
    return tuple(found)
