from __future__ import annotations

from pathlib import Path

import pytest

from keras_ae.exporting import parity
from keras_ae.exporting.formats import onnx
from tests.exporting.formats.models import MODELS, differences, of_backend

pytestmark = pytest.mark.skipif(
    not of_backend("tensorflow"), reason="tensorflow writes this format"
)


@pytest.mark.parametrize("name", list(MODELS))
def test_every_signature_equals_the_model_at_three_batch_sizes(name: str, tmp_path: Path) -> None:
    measured = differences(onnx, MODELS[name](), tmp_path / "copy")
    assert max(measured.values()) <= parity.TOLERANCE, measured


def test_the_score_of_a_divergence_keeps_its_digits_where_it_is_small(tmp_path: Path) -> None:
    import numpy as np
    import onnxruntime
    import tensorflow as tf
    import tf2onnx

    specs = [tf.TensorSpec((None,), tf.float32, name="x")]
    tf2onnx.convert.from_function(
        tf.function(lambda x: {"y": tf.math.expm1(x)}, input_signature=specs),
        input_signature=specs,
        opset=onnx.OPSET,
        custom_op_handlers={"Expm1": (onnx._expm1, [])},
        output_path=str(tmp_path / "expm1.onnx"),
    )
    x = np.array([-20.0, -1.0, -1e-3, -1e-6, 0.0, 1e-7, 1e-3, 1.0, 20.0], "float32")
    (y,) = onnxruntime.InferenceSession(str(tmp_path / "expm1.onnx")).run(None, {"x": x})
    np.testing.assert_allclose(y, np.expm1(x.astype("float64")), rtol=1e-6)


def test_names_and_the_free_batch_axis_are_in_the_file(tmp_path: Path) -> None:
    import onnxruntime

    differences(onnx, MODELS["conditional"](), tmp_path / "copy")
    session = onnxruntime.InferenceSession(str(tmp_path / "copy" / "decode.onnx"))
    assert {i.name: i.shape[1:] for i in session.get_inputs()} == {"latent": [2], "condition": [3]}
    assert [o.name for o in session.get_outputs()] == ["reconstruction"]
    assert not isinstance(session.get_inputs()[0].shape[0], int)


def test_a_label_out_of_range_is_answered_with_nan_and_no_other_row(tmp_path: Path) -> None:
    import numpy as np
    import onnxruntime

    differences(onnx, MODELS["labelled"](), tmp_path / "copy")
    session = onnxruntime.InferenceSession(str(tmp_path / "copy" / "score.onnx"))
    given = {"x": np.ones((3, 4), "float32"), "condition": np.array([2, 3, 0], "int32")}
    (score,) = session.run(["score"], given)
    np.testing.assert_array_equal(np.isnan(score), [False, True, False])


def test_transposed_convolutions_pad_as_tensorflow_where_their_input_is_of_unknown_size() -> None:
    import numpy as np
    import onnxruntime
    import tensorflow as tf
    import tf2onnx

    draws = np.random.default_rng(0)
    matrix, kernel = (draws.normal(size=s).astype("float32") for s in [(2, 2), (3, 3, 4, 2)])

    def dense_then_upsample(x: tf.Tensor) -> dict[str, tf.Tensor]:
        mixed = tf.tensordot(x, matrix, [[3], [0]])
        made = tf.nn.conv2d_transpose(mixed, kernel, [tf.shape(x)[0], 6, 6, 4], 2, "SAME")
        return {"y": made}

    specs = [tf.TensorSpec((None, 3, 3, 2), tf.float32, name="x")]
    graph, _ = tf2onnx.convert.from_function(
        tf.function(dense_then_upsample, input_signature=specs),
        input_signature=specs,
        opset=onnx.OPSET,
    )
    onnx._pad_as_tensorflow(graph)
    x = draws.normal(size=(2, 3, 3, 2)).astype("float32")
    (y,) = onnxruntime.InferenceSession(graph.SerializeToString()).run(None, {"x": x})
    np.testing.assert_allclose(y, dense_then_upsample(x)["y"], atol=1e-5)
