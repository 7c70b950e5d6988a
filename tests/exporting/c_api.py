"""Run a SavedModel through TensorFlow's C API: no Python of TensorFlow, of Keras or of ours.

python c_api.py SAVED_MODEL TENSORFLOW_FOLDER FED_TENSOR FETCHED_TENSOR INPUT.npy OUTPUT.npy
"""

import ctypes
import sys
from ctypes import c_char_p, c_int, c_int64, c_size_t, c_void_p

# Before the library is loaded, which brings symbols that numpy.random must not take for its own.
import numpy.random  # isort: skip
import numpy as np

FLOAT = 1
NEW_OBJECTS = ("NewStatus", "NewGraph", "NewSessionOptions", "AllocateTensor", "TensorData")
FOUND_OBJECTS = ("LoadSessionFromSavedModel", "GraphOperationByName")


class Output(ctypes.Structure):
    """One output of an operation, TF_Output."""

    _fields_ = (("operation", c_void_p), ("index", c_int))


def library(folder: str) -> ctypes.CDLL:
    """Load the C library of a TensorFlow installation."""
    ctypes.CDLL(f"{folder}/libtensorflow_framework.so.2", mode=ctypes.RTLD_GLOBAL)
    tf = ctypes.CDLL(f"{folder}/libtensorflow_cc.so.2", mode=ctypes.RTLD_GLOBAL)
    for name in (*NEW_OBJECTS, *FOUND_OBJECTS):
        getattr(tf, f"TF_{name}").restype = c_void_p
    tf.TF_Message.restype = c_char_p
    tf.TF_Dim.restype = c_int64
    return tf


def main(folder: str, installed: str, fed: str, fetched: str, source: str, target: str) -> None:
    """Feed one tensor, fetch another."""
    tf = library(installed)
    status, graph = c_void_p(tf.TF_NewStatus()), c_void_p(tf.TF_NewGraph())

    def check() -> None:
        if tf.TF_GetCode(status):
            sys.exit(f"the C API refused: {tf.TF_Message(status).decode()}")

    def output(tensor: str) -> Output:
        operation, _, index = tensor.partition(":")
        return Output(tf.TF_GraphOperationByName(graph, operation.encode()), int(index))

    options, tags = c_void_p(tf.TF_NewSessionOptions()), (c_char_p * 1)(b"serve")
    session = c_void_p(
        tf.TF_LoadSessionFromSavedModel(
            options, None, folder.encode(), tags, 1, graph, None, status
        )
    )
    check()
    x = np.ascontiguousarray(np.load(source), "float32")
    shape = (c_int64 * x.ndim)(*x.shape)
    given = c_void_p(tf.TF_AllocateTensor(FLOAT, shape, x.ndim, c_size_t(x.nbytes)))
    ctypes.memmove(tf.TF_TensorData(given), x.ctypes.data, x.nbytes)
    values, results = (c_void_p * 1)(given), (c_void_p * 1)()
    ends = (Output * 1)(output(fed)), (Output * 1)(output(fetched))
    tf.TF_SessionRun(session, None, ends[0], values, 1, ends[1], results, 1, None, 0, None, status)
    check()
    answer = c_void_p(results[0])
    dims = [tf.TF_Dim(answer, i) for i in range(tf.TF_NumDims(answer))]
    content = ctypes.string_at(tf.TF_TensorData(answer), 4 * int(np.prod(dims)))
    np.save(target, np.frombuffer(content, "float32").reshape(dims))
    print(sorted({"keras", "keras_ae", "tensorflow"} & set(sys.modules)))


if __name__ == "__main__":
    main(*sys.argv[1:])
