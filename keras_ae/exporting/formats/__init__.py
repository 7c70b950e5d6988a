"""What a model can be exported to: one module a format.

Each says which `BACKEND` writes it, which `PACKAGES` that needs and the `EXTRA` that installs them,
the `SUB_FOLDER` of a version that it fills, and has `write(model, signatures, folder)` and
`load(folder, signatures)`, the latter by the format's own runtime.
"""

from __future__ import annotations

import importlib.util
from types import ModuleType

from keras_ae.exporting.formats import litert, onnx, openvino, saved_model, torch
from keras_ae.naming import nearest

FORMATS: dict[str, ModuleType] = {
    "saved_model": saved_model,
    "onnx": onnx,
    "litert": litert,
    "openvino": openvino,
    "torch": torch,
}


def get(name: str) -> ModuleType:
    """Return a format whose packages are installed.

    Raises:
        ImportError: One of its packages is not.
        ValueError: There is no such format.
    """
    if name not in FORMATS:
        raise ValueError(
            f"`format` must be one of {list(FORMATS)}. Received: format={name!r}. "
            f"{nearest(str(name), FORMATS)}"
        )
    missing = [p for p in FORMATS[name].PACKAGES if importlib.util.find_spec(p) is None]
    if missing:
        raise ImportError(
            f"exporting to {name} needs {', '.join(FORMATS[name].PACKAGES)}, whatever the backend. "
            f"Received: no {', '.join(missing)}. "
            f"Run: pip install 'keras-ae[{_extras(name, missing)}]'"
        )
    return FORMATS[name]


def _extras(name: str, missing: list[str]) -> str:
    tensorflow = ["tensorflow-cpu"] if "tensorflow" in missing else []
    own = [FORMATS[name].EXTRA] if set(missing) - {"tensorflow"} else []
    return ",".join(dict.fromkeys(tensorflow + own))


__all__ = ["FORMATS", "get"]
