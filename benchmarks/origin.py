"""Where figures come from: machine, commit, versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess


def machine() -> str:
    """Return the processor's name and number of cores."""
    names = []
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"


def commit() -> str:
    """Return the repository's commit."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def versions() -> dict[str, str]:
    """Return the versions of Keras and of the framework that runs."""
    import keras

    backend = keras.backend.backend()
    package = {"jax": "jaxlib", "torch": "torch", "tensorflow": "tensorflow-cpu"}[backend]
    found = {"keras": keras.__version__}
    try:
        found[backend] = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        found[backend] = importlib.metadata.version(backend)
    return found
