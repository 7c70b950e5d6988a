"""LiteRT: one `model.tflite` with all signatures, for phones and small devices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_ae.exporting.formats import saved_model
from keras_ae.exporting.parity import Runner
from keras_ae.exporting.signatures import Signature

BACKEND = "tensorflow"
PACKAGES = ("tensorflow", "ai_edge_litert")
EXTRA = "litert"
SUB_FOLDER = "litert"


def write(model: Any, signatures: Sequence[Signature], folder: Path) -> None:
    """Write the signatures into one file, each with any number of rows."""
    import tensorflow as tf

    folder.mkdir()
    with saved_model.portable_copy(model, signatures, folder) as (path, _):
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(path), signature_keys=[s.name for s in signatures]
        )
        # Operations of the plain runtime only: others would need TensorFlow on the device.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        (folder / "model.tflite").write_bytes(converter.convert())


def load(folder: Path, signatures: Sequence[Signature]) -> Runner:
    """Return what runs the signatures, by LiteRT's interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(folder / "model.tflite"))
    outputs = {s.name: s.output.name for s in signatures}

    def run(name: str, inputs: dict[str, np.ndarray]) -> np.ndarray:
        result: np.ndarray = interpreter.get_signature_runner(name)(**inputs)[outputs[name]]
        return result

    return run
