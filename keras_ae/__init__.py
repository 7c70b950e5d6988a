"""keras_ae: the autoencoder toolkit for Keras 3.

`import keras_ae` registers every variant and part, so that `keras.saving.load_model` finds them;
scikit-learn, pandas, matplotlib and SciPy are imported where they are used.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_ae.backend.installed import check_installed

if TYPE_CHECKING:
    from keras_ae.classifier import Classifier
    from keras_ae.exporting import export
    from keras_ae.latent_model import LatentModel
    from keras_ae.registry import VariantInfo, create, describe, list_variants, variant_class
    from keras_ae.tiling import Tiled

__version__ = "0.1.0"

_HOMES = {
    "Classifier": "keras_ae.classifier",
    "LatentModel": "keras_ae.latent_model",
    "Tiled": "keras_ae.tiling",
    "VariantInfo": "keras_ae.registry",
    "create": "keras_ae.registry",
    "describe": "keras_ae.registry",
    "export": "keras_ae.exporting",
    "list_variants": "keras_ae.registry",
    "variant_class": "keras_ae.registry",
}
_MODULES = (
    "cli",
    "compression",
    "datasets",
    "exporting",
    "metrics",
    "models",
    "optimizers",
    "plots",
    "reports",
    "samplers",
    "serving",
)

__all__ = [
    "Classifier",
    "LatentModel",
    "Tiled",
    "VariantInfo",
    "create",
    "describe",
    "export",
    "list_variants",
    "variant_class",
]


def _register() -> None:
    """Import every variant, or say in one line which backend is not installed."""
    if "keras" not in sys.modules:
        check_installed()
    importlib.import_module("keras_ae.models")
    importlib.import_module("keras_ae.samplers")
    importlib.import_module("keras_ae.classifier")


def __getattr__(name: str) -> Any:
    """Import a public name where it is first used."""
    if name in _HOMES:
        _register()
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"keras_ae.{name}")
    raise AttributeError(f"module 'keras_ae' has no attribute {name!r}")


# The command picks a backend, or answers --help without one, before Keras may be imported.
if Path(sys.argv[0] if sys.argv else "").stem != "keras-ae":
    _register()
