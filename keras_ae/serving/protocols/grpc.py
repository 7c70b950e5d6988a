"""gRPC: TensorFlow Serving's PredictionService, and the Open Inference Protocol."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_ae.repository import wire
from keras_ae.serving.errors import ServingError
from keras_ae.serving.protocols.rest import TYPES
from keras_ae.serving.versions import NAMES

MOST_BYTES = 2**30
"""Size of an answer, at most."""


class _Grpc:
    """A channel that is kept open.

    Args:
        url: Such as `grpc://localhost:8500`.
        timeout: Seconds to wait for an answer.
    """

    def __init__(self, url: str, timeout: float) -> None:
        try:
            self._grpc: Any = importlib.import_module("grpc")
        except ImportError as error:
            raise ImportError(
                "a client over gRPC needs grpcio. Received: none is installed. "
                "Run: pip install 'keras-ae[client]'"
            ) from error
        self._address, self._timeout = url.removeprefix("grpc://").rstrip("/"), timeout
        limits = [(f"grpc.max_{way}_message_length", MOST_BYTES) for way in ("send", "receive")]
        self._channel = self._grpc.insecure_channel(self._address, options=limits)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _call(self, method: Any, request: Any) -> Any:
        try:
            return method(request, timeout=self._timeout)
        except self._grpc.RpcError as error:
            code = error.code().name
            if code == "UNAVAILABLE":
                message = f"a server must answer. Received: {self._address}, {error.details()}"
                raise ServingError("unreachable", message) from error
            raise ServingError(code, str(error.details())) from error


class TensorFlowServing(_Grpc):
    """PredictionService, by the official stubs."""

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__(url, timeout)
        try:
            apis = "tensorflow_serving.apis"
            self._messages = importlib.import_module(f"{apis}.predict_pb2")
            self._asking = importlib.import_module(f"{apis}.get_model_metadata_pb2")
            self._status = importlib.import_module(f"{apis}.get_model_status_pb2")
            predict = importlib.import_module(f"{apis}.prediction_service_pb2_grpc")
            models = importlib.import_module(f"{apis}.model_service_pb2_grpc")
            self._tf = importlib.import_module("tensorflow")
        except ImportError as error:
            raise ImportError(
                "TensorFlow Serving over gRPC needs its stubs and TensorFlow. "
                f"Received: {error}. Run: pip install 'keras-ae[tensorflow-cpu,client]' and "
                "pip install --no-deps tensorflow-serving-api"
            ) from error
        self._predict = predict.PredictionServiceStub(self._channel)
        self._models = models.ModelServiceStub(self._channel)

    def call(self, model: Mapping[str, Any], signature: str, inputs: Mapping[str, Any]) -> Any:
        """Return a signature's outputs by name."""
        request = self._messages.PredictRequest()
        _name(request.model_spec, model)
        request.model_spec.signature_name = signature
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(self._tf.make_tensor_proto(array))
        answer = self._call(self._predict.Predict, request)
        return {name: self._tf.make_ndarray(tensor) for name, tensor in answer.outputs.items()}

    def metadata(self, model: Mapping[str, Any]) -> Any:
        """Return the signatures: name -> inputs and outputs, each with its shape and type."""
        request = self._asking.GetModelMetadataRequest(metadata_field=["signature_def"])
        _name(request.model_spec, model)
        answer = self._call(self._predict.GetModelMetadata, request)
        found = self._asking.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(found)
        return {
            name: {
                "inputs": {key: _described(t) for key, t in signature.inputs.items()},
                "outputs": {key: _described(t) for key, t in signature.outputs.items()},
            }
            for name, signature in found.signature_def.items()
        }

    def is_ready(self, model: Mapping[str, Any]) -> bool:
        """Return whether the version, or any, is available."""
        request = self._status.GetModelStatusRequest()
        _name(request.model_spec, model)
        try:
            answer = self._call(self._models.GetModelStatus, request)
        except ServingError:
            return False
        available = self._status.ModelVersionStatus.AVAILABLE
        return any(one.state == available for one in answer.model_version_status)


class OpenInference(_Grpc):
    """`inference.GRPCInferenceService`, tensors as bytes."""

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__(url, timeout)
        service = "/inference.GRPCInferenceService"
        self._infer = self._channel.unary_unary(
            f"{service}/ModelInfer",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=lambda content: wire.read("ModelInferResponse", content),
        )
        self._ask = self._channel.unary_unary(
            f"{service}/ModelMetadata",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=lambda content: wire.read("ModelMetadataResponse", content),
        )

    def call(self, model: Mapping[str, Any], signature: str, inputs: Mapping[str, Any]) -> Any:
        """Return a signature's outputs by name."""
        request = wire.message("ModelInferRequest")
        request.model_name = _v2_name(model)
        request.parameters.add(key="signature_name").value.string_param = signature
        for name, array in inputs.items():
            request.inputs.add(name=name, datatype=NAMES[array.dtype.name], shape=array.shape)
            request.raw_input_contents.append(np.ascontiguousarray(array).tobytes())
        answer = self._call(self._infer, request)
        return {
            tensor.name: np.frombuffer(content, TYPES[tensor.datatype]).reshape(tensor.shape).copy()
            for tensor, content in zip(answer.outputs, answer.raw_output_contents, strict=True)
        }

    def metadata(self, model: Mapping[str, Any]) -> Any:
        """Return what the server says of the model's default signature."""
        request = wire.message("ModelMetadataRequest")
        request.name = _v2_name(model)
        answer = self._call(self._ask, request)
        return {
            "name": answer.name,
            "inputs": [_oip(tensor) for tensor in answer.inputs],
            "outputs": [_oip(tensor) for tensor in answer.outputs],
        }

    def is_ready(self, model: Mapping[str, Any]) -> bool:
        """Return whether the model is there."""
        try:
            self.metadata(model)
        except ServingError:
            return False
        return True


def _name(spec: Any, model: Mapping[str, Any]) -> None:
    spec.name = model["name"]
    if model["version"] is not None:
        spec.version.value = model["version"]
    if model["label"] is not None:
        spec.version_label = model["label"]


def _v2_name(model: Mapping[str, Any]) -> str:
    which = model["label"] if model["version"] is None else model["version"]
    return str(model["name"]) if which is None else f"{model['name']}@{which}"


def _described(tensor: Any) -> dict[str, Any]:
    return {"shape": [d.size for d in tensor.tensor_shape.dim], "dtype": tensor.dtype}


def _oip(tensor: Any) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
