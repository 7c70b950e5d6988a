"""ONNX: one `SIGNATURE.onnx` each, for onnxruntime and other engines."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_ae.exporting.formats import saved_model
from keras_ae.exporting.parity import Runner
from keras_ae.exporting.signatures import Signature

BACKEND = "tensorflow"
PACKAGES = ("tensorflow", "tf2onnx", "onnxruntime")
EXTRA = "onnx"
SUB_FOLDER = "onnx"

OPSET = 18


def write(model: Any, signatures: Sequence[Signature], folder: Path) -> None:
    """Write each signature as a file with any number of rows."""
    import onnx
    import tensorflow as tf
    import tf2onnx

    # What is not known is found, by its name, when the file is loaded.
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    folder.mkdir()
    with saved_model.portable_copy(model, signatures, folder) as (_, loaded):
        for signature in signatures:
            specs = [
                tf.TensorSpec((None, *t.shape), t.dtype, name=t.name) for t in signature.inputs
            ]
            graph, _ = tf2onnx.convert.from_function(
                _positional(loaded.signatures[signature.name], signature, specs),
                input_signature=specs,
                opset=OPSET,
                custom_op_handlers={"Expm1": (_expm1, []), "Log1p": (_log1p, [])},
            )
            _pad_as_tensorflow(graph)
            onnx.save(graph, str(folder / f"{signature.name}.onnx"))


def load(folder: Path, signatures: Sequence[Signature]) -> Runner:
    """Return what runs the signatures, by onnxruntime."""
    import onnxruntime

    sessions = {
        s.name: onnxruntime.InferenceSession(
            str(folder / f"{s.name}.onnx"), providers=["CPUExecutionProvider"]
        )
        for s in signatures
    }
    outputs = {s.name: s.output.name for s in signatures}

    def run(name: str, inputs: dict[str, np.ndarray]) -> np.ndarray:
        result: np.ndarray = sessions[name].run([outputs[name]], inputs)[0]
        return result

    return run


def _positional(function: Any, signature: Signature, specs: list[Any]) -> Any:
    import tensorflow as tf

    def serve(*values: Any) -> Any:
        return function(**dict(zip((t.name for t in signature.inputs), values, strict=True)))

    return tf.function(serve, input_signature=specs)


def _pad_as_tensorflow(graph: Any) -> None:
    """Have transposed convolutions pad at the end first, as TensorFlow's, whatever their input.

    Where tf2onnx does not know the input's size, it names the output's, and ONNX then pads at the
    start first.
    """
    import onnx

    for node in graph.graph.node:
        named = {attribute.name for attribute in node.attribute}
        if node.op_type == "ConvTranspose" and "output_shape" in named:
            kept = [attribute for attribute in node.attribute if attribute.name != "auto_pad"]
            del node.attribute[:]
            node.attribute.extend([*kept, onnx.helper.make_attribute("auto_pad", "SAME_UPPER")])


def _expm1(ctx: Any, node: Any, name: str, args: Any) -> None:
    """Write e^x - 1 as tanh(x / 2) (e^x + 1), which keeps its digits where x is small."""
    dtype, shape = ctx.get_dtype(node.output[0]), ctx.get_shape(node.output[0])
    consumers, produced = node.input[0], node.output[0]
    ctx.remove_node(node.name)
    half = ctx.make_const(f"{name}_half", np.array(0.5, "float32")).output[0]
    one = ctx.make_const(f"{name}_one", np.array(1.0, "float32")).output[0]
    scaled = ctx.make_node("Mul", [consumers, half]).output[0]
    tanh = ctx.make_node("Tanh", [scaled]).output[0]
    power = ctx.make_node("Exp", [consumers]).output[0]
    above = ctx.make_node("Add", [power, one]).output[0]
    ctx.make_node(
        "Mul", [tanh, above], outputs=[produced], name=name, dtypes=[dtype], shapes=[shape]
    )


def _log1p(ctx: Any, node: Any, name: str, args: Any) -> None:
    """Write log(1 + x) as log(u) x / (u - 1) with u = 1 + x rounded, and x where u is 1."""
    dtype, shape = ctx.get_dtype(node.output[0]), ctx.get_shape(node.output[0])
    x, produced = node.input[0], node.output[0]
    ctx.remove_node(node.name)
    one = ctx.make_const(f"{name}_one", np.array(1.0, "float32")).output[0]
    above = ctx.make_node("Add", [x, one]).output[0]
    rounded = ctx.make_node("Sub", [above, one]).output[0]
    lost = ctx.make_node("Equal", [above, one]).output[0]
    divisor = ctx.make_node("Where", [lost, one, rounded]).output[0]
    log = ctx.make_node("Log", [above]).output[0]
    scaled = ctx.make_node("Mul", [log, ctx.make_node("Div", [x, divisor]).output[0]]).output[0]
    ctx.make_node(
        "Where", [lost, x, scaled], outputs=[produced], name=name, dtypes=[dtype], shapes=[shape]
    )
