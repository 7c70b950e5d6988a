"""What TensorFlow Serving reads in a model repository beside the models."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_ae.repository import wire
from keras_ae.repository.layout import versions
from keras_ae.repository.publishing import locked

MODELS = "models.config"
MOUNTED = "/models"
"""Where a server's container has the repository."""
LATEST, STABLE = "latest", "stable"
"""Labels: of the newest version; of the one that answers until another is made it."""

HEADER = f"""\
# Which models TensorFlow Serving loads: --model_config_file={MOUNTED}/{MODELS}, with this folder at
# {MOUNTED}. Every export brings its own model up to date and leaves the other entries; comments are
# not kept.
"""
WARM_UP_ROWS = (1, 8, 32)
"""Rows of warm-up requests, and the sizes of batches that a server makes."""
MIDDLE, LARGEST = WARM_UP_ROWS[1:]
SETTINGS = {
    "batching.config": f"""\
# --enable_batching=true --batching_parameters_file={MOUNTED}/batching.config, where wanted: with it
# a server takes no inputs without rows, so that sample_seeded cannot be asked.
# As many threads as the server has cores. On a CPU a timeout of 0 is best unless several times
# {LARGEST} callers wait at once. Every size has a warm-up record.
max_batch_size {{ value: {LARGEST} }}
batch_timeout_micros {{ value: 0 }}
max_enqueued_batches {{ value: 100 }}
num_batch_threads {{ value: 2 }}
allowed_batch_sizes: 1
allowed_batch_sizes: {MIDDLE}
allowed_batch_sizes: {LARGEST}
""",
    "monitoring.config": f"""\
# --monitoring_config_file={MOUNTED}/monitoring.config, with a --rest_api_port
prometheus_config {{
  enable: true
  path: "/monitoring/prometheus/metrics"
}}
""",
}
"""File -> what it holds at first; whoever runs the server may change it."""


def check_config(root: Path) -> None:
    """Refuse a repository whose `models.config` could not be brought up to date.

    Raises:
        ValueError: It holds something else than this package writes.
    """
    _read(root)


def register(target: Path, labels: Sequence[str] = ()) -> None:
    """Bring the files of the repository of a new version up to date.

    Its model's entry lists the labelled versions: `latest` moves to the new one, `stable` stays
    where it is (at first at the version before, where there is one), and `labels` are given to the
    new one.

    Args:
        target: The version, ROOT/NAME/N.
        labels: More labels for it.
    """
    root, name, version = target.parent.parent, target.parent.name, int(target.name)
    with locked(root):
        config = _read(root)
        entries = config.model_config_list.config
        entry = next((e for e in entries if e.name == name), None) or entries.add(
            name=name, base_path=f"{MOUNTED}/{name}", model_platform="tensorflow"
        )
        given = {label.key: label.value for label in entry.version_labels}
        given = {label: at for label, at in given.items() if at in versions(target.parent)}
        newest = max(version, given.get(LATEST, version))
        before = [older for older in versions(target.parent) if older < version]
        given = {
            STABLE: before[-1] if before else version,
            **given,
            LATEST: newest,
            **dict.fromkeys(labels, version),
        }
        del entry.version_labels[:]
        for label, at in sorted(given.items()):
            entry.version_labels.add(key=label, value=at)
        entry.model_version_policy.Clear()
        entry.model_version_policy.specific.versions.extend(sorted(set(given.values())))
        _write(root, config)
        for file, text in SETTINGS.items():
            if not (root / file).exists():
                _replace(root / file, text)


def labels_of(root: Path) -> dict[str, dict[str, int]]:
    """Return each model's labels and the versions they stand for.

    Raises:
        ValueError: `models.config` is not one.
    """
    config = _read(root)
    return {
        e.name: {label.key: label.value for label in e.version_labels}
        for e in config.model_config_list.config
    }


def _read(root: Path) -> Any:
    from google.protobuf import text_format

    config = wire.message("ModelServerConfig")
    path = root / MODELS
    if path.exists():
        try:
            text_format.Parse(path.read_text(), config)
        except (text_format.ParseError, UnicodeDecodeError) as error:
            raise ValueError(
                f"{MODELS} must be of the settings that an export writes. Received: {path} "
                f"({error}). Keep it under another name."
            ) from error
    return config


def _write(root: Path, config: Any) -> None:
    from google.protobuf import text_format

    _replace(root / MODELS, HEADER + text_format.MessageToString(config))


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f".partial-{path.name}")
    try:
        partial.write_text(text)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
