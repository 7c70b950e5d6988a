"""The process with the TensorFlow backend that writes a SavedModel; run by `saved_model.py`."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from keras_ae.exporting import parity


def main(staging: Path, modules: list[str]) -> None:
    """Load `model.keras`, write `saved_model/`, and measure it against `probe.npz`."""
    import keras

    for module in modules:
        importlib.import_module(module)
    model = keras.saving.load_model(staging / "model.keras", compile=False)
    target = staging / "saved_model"
    write(model, target)
    extra = target / "assets.extra"
    extra.mkdir()
    shutil.copy(staging / "model.keras", extra / "model.keras")
    with np.load(staging / "probe.npz") as probe:
        measured = measure(target, dict(probe))
    (staging / "parity.json").write_text(json.dumps(measured))


def write(model: Any, target: Path) -> None:
    """Write the signatures, each with a dynamic batch, named tensors and float32 outputs."""
    import keras
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(model)
    functions = {
        "serving_default": model.reconstruct_tensor,
        "encode": model.encode_tensor,
        "decode": model.decode_tensor,
        "score": model.score_tensor,
    }
    for name, function in functions.items():
        input_name, output_name = parity.SIGNATURES[name]
        shape = model.latent_shape if input_name == "latent" else model.event_shape
        archive.add_endpoint(
            name,
            endpoint(function, shape, output_name),
            input_signature=[tf.TensorSpec((None, *shape), tf.float32, name=input_name)],
        )
    archive.write_out(str(target), verbose=False)


def endpoint(function: Any, shape: tuple[int, ...], output_name: str) -> Any:
    """Return the function as a signature: shape checked, output named and float32."""
    import tensorflow as tf

    def serve(value: Any) -> dict[str, Any]:
        # A server does not compare shapes, and a layer that broadcasts would answer nonsense.
        value = tf.ensure_shape(value, (None, *shape))
        return {output_name: tf.cast(function(value), tf.float32)}

    return serve


def measure(target: Path, probe: dict[str, np.ndarray]) -> dict[str, float]:
    """Return each signature's largest difference over the probe's batches."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(target))
    measured: dict[str, float] = {}
    for name, (input_name, output_name) in parity.SIGNATURES.items():
        signature = loaded.signatures[name]
        inputs, outputs = probe[f"{name}/input"], probe[f"{name}/output"]
        measured[name] = max(
            parity.difference(
                signature(**{input_name: tf.constant(inputs[:rows])})[output_name].numpy(),
                outputs[:rows],
            )
            for rows in parity.BATCHES
        )
    return measured


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
