from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import keras_ae
from keras_ae.exporting import parity, warmup
from keras_ae.exporting.signatures import signatures_of


def test_records_are_requests_of_every_signature_and_batch_size(tmp_path: Path) -> None:
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    model = keras_ae.create("vq_vae", input_shape=(4,), latent_dim=2, num_codes=5, tokens=3)
    signatures = signatures_of(model)
    made = parity.probe(model, signatures)
    ran: list[tuple[str, int]] = []

    def run(name: str, inputs: dict[str, np.ndarray]) -> Any:
        ran.append((name, len(next(iter(inputs.values())))))

    warmup.write(tmp_path / warmup.FILE, signatures, made, run)
    found = []
    for record in tf.data.TFRecordDataset(str(tmp_path / warmup.FILE)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        ((name, tensor),) = request.inputs.items()
        array = tf.make_ndarray(tensor)
        signature = next(s for s in signatures if s.name == request.model_spec.signature_name)
        assert (name, array.dtype) == (signature.inputs[0].name, signature.inputs[0].dtype)
        assert array.shape[1:] == signature.inputs[0].shape
        found.append((signature.name, len(array)))
    assert found == [(s.name, rows) for s in signatures for rows in (1, 8, 32)]
    assert ran == found  # each was tried before it was written
