"""OpenVINO: one `SIGNATURE.xml` and `.bin` each, for Intel's processors."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_ae.exporting.formats import saved_model
from keras_ae.exporting.parity import Runner
from keras_ae.exporting.signatures import Signature

BACKEND = "tensorflow"
PACKAGES = ("tensorflow", "openvino")
EXTRA = "openvino"
SUB_FOLDER = "openvino"

PRECISION = {"INFERENCE_PRECISION_HINT": "f32"}
"""Without it some processors compute in bfloat16, with errors near 1e-2."""


def write(model: Any, signatures: Sequence[Signature], folder: Path) -> None:
    """Write each signature as a model with any number of rows, weights in float32."""
    openvino = _without_telemetry()
    folder.mkdir()
    with saved_model.portable_copy(model, signatures, folder) as (_, loaded):
        for signature in signatures:
            converted = openvino.convert_model(loaded.signatures[signature.name])
            for tensor in signature.inputs:
                _port(converted.inputs, tensor.name).get_tensor().set_names({tensor.name})
            converted.outputs[0].get_tensor().set_names({signature.output.name})
            openvino.save_model(
                converted, str(folder / f"{signature.name}.xml"), compress_to_fp16=False
            )


def load(folder: Path, signatures: Sequence[Signature]) -> Runner:
    """Return what runs the signatures, by OpenVINO on the CPU in float32."""
    openvino = _without_telemetry()
    core = openvino.Core()
    compiled = {
        s.name: core.compile_model(str(folder / f"{s.name}.xml"), "CPU", PRECISION)
        for s in signatures
    }
    outputs = {s.name: s.output.name for s in signatures}

    def run(name: str, inputs: dict[str, np.ndarray]) -> np.ndarray:
        return np.array(compiled[name](inputs)[outputs[name]])

    return run


def _without_telemetry() -> Any:
    """Return the library, whose converter otherwise tells its maker of every use."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return importlib.import_module("openvino")


def _port(ports: Sequence[Any], name: str) -> Any:
    """Return the port of this name, which TensorFlow's front end ends with a number."""
    if len(ports) == 1:
        return ports[0]
    return next(p for p in ports if any(n.partition(":")[0] == name for n in p.get_names()))
