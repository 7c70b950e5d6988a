"""JAX's compiled programs, kept for the next process."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
from pathlib import Path

VARIABLE = "KERAS_AE_COMPILE_CACHE"
"""Environment variable: a folder for compiled programs, or "off"."""

LEAST_SECONDS = 0.2


def folder() -> Path | None:
    """Return the folder for compiled programs, or None when there is to be none.

    It is one for each kind of processor: XLA compiles for the one that it runs on.
    """
    chosen = os.environ.get(VARIABLE, "")
    if chosen.lower() in ("off", "0", "none", "false"):
        return None
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    root = Path(chosen) if chosen else Path(cache) / "keras_ae"
    return root / f"jax-{_processor()}"


@functools.cache
def enable() -> None:
    """Let JAX keep what it compiles, unless the user has chosen another folder or none."""
    import jax

    found = folder()
    if found is None or jax.config.jax_compilation_cache_dir:
        return
    try:
        found.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # Without a place to write, everything is compiled anew.
    jax.config.update("jax_compilation_cache_dir", str(found))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", LEAST_SECONDS)


def _processor() -> str:
    features = platform.machine() + platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        features += "".join(
            line for line in lines[:64] if line.startswith(("model name", "flags", "Features"))
        )
    return hashlib.sha256(features.encode()).hexdigest()[:12]
