"""A stand-in for TensorFlow Serving: its messages and addresses, over a SavedModel.

The gRPC services are those of the official stubs. REST follows its documented API: metadata,
versions, labels, signature_name, `instances` and `inputs`. It is not the server, and only what the
client asks for is there.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import get_model_metadata_pb2 as metadata
from tensorflow_serving.apis import get_model_status_pb2 as status
from tensorflow_serving.apis import model_service_pb2_grpc as models
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

ADDRESS = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
    r"(?P<what>:predict|/metadata)?"
)


class NotFound(Exception):
    """There is no such model, version or label."""


class Refused(Exception):
    """The inputs do not fit."""


class Served:
    """A model with one version and its labels."""

    def __init__(self, folder: Path, labels: dict[str, int]) -> None:
        self.name, self.version, self.labels = folder.parent.name, int(folder.name), labels
        self.loaded = tf.saved_model.load(str(folder))
        bundle = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
        self.signatures = bundle.meta_graphs[0].signature_def

    def find(self, name: str, version: int | None, label: str | None) -> None:
        """Refuse what is not this version of this model."""
        if label:
            version = self.labels.get(label, -1)
        if name != self.name or version not in (None, self.version):
            raise NotFound(f"Servable not found for request: {name}")

    def predict(self, signature: str, inputs: dict[str, Any]) -> dict[str, np.ndarray]:
        """Return the outputs of a signature."""
        call = self.loaded.signatures[signature or "serving_default"]
        specs = call.structured_input_signature[1]
        if set(specs) != set(inputs):
            raise Refused(f"input must be {sorted(specs)}")
        try:
            tensors = {k: tf.constant(v, specs[k].dtype) for k, v in inputs.items()}
            return {k: v.numpy() for k, v in call(**tensors).items()}
        except (tf.errors.InvalidArgumentError, ValueError, TypeError) as error:
            raise Refused(str(error)) from error


class Prediction(
    prediction_service_pb2_grpc.PredictionServiceServicer, models.ModelServiceServicer
):
    """The gRPC services."""

    def __init__(self, served: Served) -> None:
        self.served = served

    def _find(self, spec: Any, context: Any) -> None:
        version = spec.version.value if spec.HasField("version") else None
        try:
            self.served.find(spec.name, version, spec.version_label)
        except NotFound as error:
            context.abort(grpc.StatusCode.NOT_FOUND, str(error))

    def Predict(self, request: Any, context: Any) -> Any:
        """Answer a PredictRequest."""
        self._find(request.model_spec, context)
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        answer = predict_pb2.PredictResponse()
        try:
            outputs = self.served.predict(request.model_spec.signature_name, inputs)
        except Refused as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        for name, array in outputs.items():
            answer.outputs[name].CopyFrom(tf.make_tensor_proto(array))
        return answer

    def GetModelMetadata(self, request: Any, context: Any) -> Any:
        """Answer with the signatures."""
        self._find(request.model_spec, context)
        found = metadata.SignatureDefMap()
        for name, signature in self.served.signatures.items():
            found.signature_def[name].CopyFrom(signature)
        answer = metadata.GetModelMetadataResponse()
        answer.metadata["signature_def"].Pack(found)
        return answer

    def GetModelStatus(self, request: Any, context: Any) -> Any:
        """Answer with the version's state."""
        self._find(request.model_spec, context)
        answer = status.GetModelStatusResponse()
        available = status.ModelVersionStatus.AVAILABLE
        answer.model_version_status.add(version=self.served.version, state=available)
        return answer


def handler(served: Served) -> type[BaseHTTPRequestHandler]:
    """Return what answers REST requests."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def log_message(self, *words: Any) -> None:
            pass

        def _answer(self, body: dict[str, Any]) -> None:
            found = ADDRESS.fullmatch(self.path)
            try:
                if found is None:
                    raise Refused(f"Malformed request: {self.command} {self.path}")
                version = found["version"]
                served.find(found["name"], int(version) if version else None, found["label"])
                code, answer = 200, self._content(found["what"], body)
            except NotFound as error:
                code, answer = 404, {"error": str(error)}
            except Refused as error:
                code, answer = 400, {"error": str(error)}
            text = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def _content(self, what: str | None, body: dict[str, Any]) -> dict[str, Any]:
            if what is None:
                state = {"version": str(served.version), "state": "AVAILABLE"}
                return {"model_version_status": [state]}
            if what == "/metadata":
                return {"model_spec": {"name": served.name, "version": str(served.version)}}
            outputs = served.predict(body.get("signature_name", ""), dict(body["inputs"]))
            columns = {name: array.tolist() for name, array in outputs.items()}
            return {"outputs": columns if len(columns) > 1 else next(iter(columns.values()))}

    return Handler


@contextmanager
def running(folder: Path, labels: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Run the stand-in; give the addresses of REST and gRPC."""
    served = Served(folder, labels)
    server = grpc.server(futures.ThreadPoolExecutor(2))
    services = Prediction(served)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(services, server)
    models.add_ModelServiceServicer_to_server(services, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    rest = ThreadingHTTPServer(("127.0.0.1", 0), handler(served))
    rest.daemon_threads = True
    thread = threading.Thread(target=rest.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{rest.server_port}", f"grpc://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
        rest.shutdown()
        rest.server_close()
        thread.join()
