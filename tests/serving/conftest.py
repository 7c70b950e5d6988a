"""A running server over models trained on this backend."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import keras_ae

COMMAND = Path(sys.executable).parent / "keras-ae"
ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@dataclass
class Running:
    """A server process."""

    process: subprocess.Popen[str]
    repository: Path
    log: Path
    http: str
    grpc: str

    def wait_for(self, words: str, seconds: float = 30.0) -> None:
        """Wait until the server says something."""
        until = time.monotonic() + seconds
        while words not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"{words!r} was not said:\n{self.log.read_text()}")
            time.sleep(0.05)

    def stop(self) -> int:
        """Ask it to end, and wait."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


def start(repository: Path, scratch: Path, *options: str) -> Running:
    """Start `keras-ae serve` where Keras cannot be imported."""
    (scratch / "without" / "keras").mkdir(parents=True)
    (scratch / "without" / "keras" / "__init__.py").write_text("raise ImportError('no Keras')\n")
    port, grpc_port = free_port(), free_port()
    log = scratch / "server.log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [
                *(str(COMMAND), "serve", str(repository), "--port", str(port)),
                *("--grpc-port", str(grpc_port), *options),
            ],
            env={**os.environ, "PYTHONPATH": f"{scratch / 'without'}{os.pathsep}{ROOT}"},
            stdout=stream,
            stderr=stream,
            text=True,
        )
    running = Running(
        process, repository, log, f"http://127.0.0.1:{port}", f"grpc://127.0.0.1:{grpc_port}"
    )
    running.wait_for("listening on")
    return running


def table() -> Any:
    return keras_ae.create("vae", input_shape=(6,), latent_dim=3, hidden=[8])


def images() -> Any:
    return keras_ae.create(
        *("vae",), input_shape=(8, 8, 1), latent_dim=3, hidden=[8], encoder="conv"
    )


def quantized() -> Any:
    return keras_ae.create("vq_vae", input_shape=(6,), latent_dim=2, num_codes=8, tokens=4)


def labelled() -> Any:
    kinds = {"name": "label", "categories": 3}
    return keras_ae.create(
        "conditional_vae", input_shape=(6,), latent_dim=2, hidden=[8], condition=kinds
    )


@pytest.fixture(scope="session")
def models() -> dict[str, Any]:
    """Models after a few steps of training."""
    made = {"table": table(), "images": images(), "quantized": quantized(), "labelled": labelled()}
    for model in made.values():
        model.compile("adam")
        x: Any = np.random.default_rng(0).random((32, *model.event_shape), dtype="float32")
        if model.condition is not None:
            x = {"x": x, "condition": np.arange(32) % 3}
        model.fit(x, epochs=2, verbose=0)
    return made


@pytest.fixture(scope="session")
def repository(models: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a version of each."""
    root = tmp_path_factory.mktemp("repository")
    for name, model in models.items():
        keras_ae.export(model, root / name / "1")
    return root


@pytest.fixture(scope="session")
def server(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server, which looks for new versions several times a second."""
    running = start(
        repository, tmp_path_factory.mktemp("server"), "--poll", "0.2", "--max-megabytes", "2"
    )
    yield running
    assert running.stop() == 0, running.log.read_text()
