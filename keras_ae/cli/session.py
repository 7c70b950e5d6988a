"""The backend of this process, chosen before Keras is imported."""

from __future__ import annotations

import logging
import os
import sys

from keras_ae.backend.installed import check_installed
from keras_ae.backend.quiet import import_tensorflow


def choose_backend(name: str | None) -> str:
    """Make Keras take this backend, or the one it would take by itself, and import the package.

    Raises:
        ImportError: The backend is not installed.
        ValueError: It is not one of the three.
    """
    name = check_installed(name)
    if "keras" in sys.modules:
        import keras

        if keras.backend.backend() != name:
            # Under `python -m` the package was imported before the options were read.
            os.environ["KERAS_BACKEND"] = name
            os.execv(sys.executable, [sys.executable, "-m", "keras_ae.cli", *sys.argv[1:]])
    os.environ["KERAS_BACKEND"] = name
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import_tensorflow()
    import keras_ae.models  # noqa: F401  registers the variants

    # Each signature of an export is traced once, which TensorFlow takes for a mistake.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)

    return name
