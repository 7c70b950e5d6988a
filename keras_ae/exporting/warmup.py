"""Warm-up records: requests that TensorFlow Serving answers before it offers a version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_ae.exporting import parity
from keras_ae.exporting.parity import Runner
from keras_ae.exporting.signatures import Signature
from keras_ae.repository import wire
from keras_ae.repository.config import WARM_UP_ROWS

FILE = "tf_serving_warmup_requests"


def write(
    path: Path, signatures: Sequence[Signature], made: Mapping[str, np.ndarray], run: Runner
) -> None:
    """Write a record of each signature with each number of rows.

    Args:
        path: The file.
        signatures: The SavedModel's.
        made: A probe with rows for each.
        run: Runs a signature: a record that fails would keep a server from loading the version.
    """
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as records:
        for signature in signatures:
            given = parity.inputs_of(signature, made)
            for rows in WARM_UP_ROWS:
                inputs = {name: np.resize(a, (rows, *a.shape[1:])) for name, a in given.items()}
                run(signature.name, inputs)
                log = wire.message("PredictionLog")
                request = log.predict_log.request
                request.model_spec.signature_name = signature.name
                for name, rows_of in inputs.items():
                    tensor = tf.make_tensor_proto(rows_of).SerializeToString()
                    request.inputs.add(key=name, value=tensor)
                records.write(log.SerializeToString())
