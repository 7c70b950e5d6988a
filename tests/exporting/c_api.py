"""Run a SavedModel through TensorFlow's C API: no Python of TensorFlow, of Keras or of ours.

`python c_api.py JOB.json`: compilation by XLA is disabled as TensorFlow Serving disables it, the
SavedModel `folder` is loaded once, and each of `runs` feeds and fetches tensors, .npy files by the
names of graph tensors.
"""

import ctypes
import json
import sys
from ctypes import c_char_p, c_int, c_int64, c_size_t, c_void_p
from pathlib import Path

# Before the library is loaded, which brings symbols that numpy.random must not take for its own.
import numpy.random  # isort: skip
import numpy as np

TYPES = {1: np.dtype("float32"), 3: np.dtype("int32")}
NEW_OBJECTS = ("NewStatus", "NewGraph", "NewSessionOptions", "AllocateTensor", "TensorData")
FOUND_OBJECTS = ("LoadSessionFromSavedModel", "GraphOperationByName")


class Output(ctypes.Structure):
    """One output of an operation, TF_Output."""

    _fields_ = (("operation", c_void_p), ("index", c_int))


class Session:
    """A loaded SavedModel."""

    def __init__(self, installed: str, folder: str) -> None:
        """Load the library of a TensorFlow installation, and a SavedModel."""
        ctypes.CDLL(f"{installed}/libtensorflow_framework.so.2", mode=ctypes.RTLD_GLOBAL)
        self.tf = ctypes.CDLL(f"{installed}/libtensorflow_cc.so.2", mode=ctypes.RTLD_GLOBAL)
        for name in (*NEW_OBJECTS, *FOUND_OBJECTS):
            getattr(self.tf, f"TF_{name}").restype = c_void_p
        self.tf.TF_Message.restype = c_char_p
        self.tf.TF_Dim.restype = c_int64
        # What the server's main() calls: tensorflow::DisableXlaCompilation().
        self.tf._ZN10tensorflow21DisableXlaCompilationEv()
        self.status = c_void_p(self.tf.TF_NewStatus())
        self.graph = c_void_p(self.tf.TF_NewGraph())
        options, tags = c_void_p(self.tf.TF_NewSessionOptions()), (c_char_p * 1)(b"serve")
        self.session = c_void_p(
            self.tf.TF_LoadSessionFromSavedModel(
                options, None, folder.encode(), tags, 1, self.graph, None, self.status
            )
        )
        self.check()

    def check(self) -> None:
        """End with the library's message where there is one."""
        if self.tf.TF_GetCode(self.status):
            sys.exit(f"the C API refused: {self.tf.TF_Message(self.status).decode()}")

    def output(self, tensor: str) -> Output:
        """Return a tensor of the graph by its name, OPERATION:INDEX."""
        operation, _, index = tensor.partition(":")
        return Output(self.tf.TF_GraphOperationByName(self.graph, operation.encode()), int(index))

    def given(self, array: np.ndarray) -> c_void_p:
        """Return an array as a tensor."""
        code = next(code for code, dtype in TYPES.items() if dtype == array.dtype)
        array = np.ascontiguousarray(array)
        shape = (c_int64 * array.ndim)(*array.shape)
        tensor = self.tf.TF_AllocateTensor(code, shape, array.ndim, c_size_t(array.nbytes))
        ctypes.memmove(self.tf.TF_TensorData(c_void_p(tensor)), array.ctypes.data, array.nbytes)
        return c_void_p(tensor)

    def taken(self, tensor: c_void_p) -> np.ndarray:
        """Return a tensor as an array."""
        dims = [self.tf.TF_Dim(tensor, i) for i in range(self.tf.TF_NumDims(tensor))]
        dtype = TYPES[self.tf.TF_TensorType(tensor)]
        size = dtype.itemsize * int(np.prod(dims))
        content = ctypes.string_at(self.tf.TF_TensorData(tensor), size)
        return np.frombuffer(content, dtype).reshape(dims)

    def run(self, feeds: dict[str, str], fetches: dict[str, str]) -> None:
        """Feed some tensors from files, fetch others into files."""
        given = [self.given(np.load(path)) for path in feeds.values()]
        values, results = (c_void_p * len(given))(*given), (c_void_p * len(fetches))()
        fed = (Output * len(given))(*map(self.output, feeds))
        fetched = (Output * len(fetches))(*map(self.output, fetches))
        self.tf.TF_SessionRun(
            *(self.session, None, fed, values, len(given), fetched, results, len(fetches)),
            *(None, 0, None, self.status),
        )
        self.check()
        for pointer, path in zip(results, fetches.values(), strict=True):
            np.save(path, self.taken(c_void_p(pointer)))


def main(job: dict) -> None:
    """Do all runs; print which of the libraries it must do without were imported after all."""
    session = Session(job["tensorflow"], job["folder"])
    for run in job["runs"]:
        session.run(run["feeds"], run["fetches"])
    print(sorted({"keras", "keras_ae", "tensorflow"} & set(sys.modules)))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
