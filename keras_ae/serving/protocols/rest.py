"""REST: TensorFlow Serving's `:predict`, and the Open Inference Protocol with binary tensors."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_ae.serving.errors import ServingError
from keras_ae.serving.versions import NAMES

LENGTH = "Inference-Header-Content-Length"
"""Header with the size of the JSON, behind which the tensors follow as bytes."""
TYPES = {name: np.dtype(dtype).newbyteorder("<") for dtype, name in NAMES.items()}
"""Types of tensors by their names, as their bytes come."""


class _Rest:
    """A connection that is kept open.

    Args:
        url: Such as `http://localhost:8501`.
        timeout: Seconds to wait for an answer.
    """

    def __init__(self, url: str, timeout: float) -> None:
        try:
            self._httpx: Any = importlib.import_module("httpx")
        except ImportError as error:
            raise ImportError(
                "a client needs httpx. Received: none is installed. "
                "Run: pip install 'keras-ae[client]'"
            ) from error
        self._connection = self._httpx.Client(base_url=url.rstrip("/"), timeout=timeout)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _request(self, method: str, path: str, **content: Any) -> Any:
        try:
            answer = self._connection.request(method, path, **content)
        except self._httpx.HTTPError as error:
            raise ServingError(
                "unreachable",
                f"a server must answer. Received: {self._connection.base_url}, "
                f"{type(error).__name__}: {error}",
            ) from error
        if answer.status_code >= 400:
            raise ServingError(answer.status_code, _message(answer))
        return answer


class TensorFlowServing(_Rest):
    """`POST /v1/models/NAME[/versions/V|/labels/L]:predict`, columns as JSON."""

    def call(self, model: Mapping[str, Any], signature: str, inputs: Mapping[str, Any]) -> Any:
        """Return a signature's outputs by name; one output has none here."""
        columns = {name: array.tolist() for name, array in inputs.items()}
        body = {"signature_name": signature, "inputs": columns}
        answer = self._request("POST", f"{_v1(model)}:predict", content=json.dumps(body))
        outputs = _json(answer).get("outputs")
        return outputs if isinstance(outputs, dict) else {"": outputs}

    def metadata(self, model: Mapping[str, Any]) -> Any:
        """Return what the server says of the model's signatures."""
        return _json(self._request("GET", f"{_v1(model)}/metadata"))

    def is_ready(self, model: Mapping[str, Any]) -> bool:
        """Return whether the version, or any, is available."""
        try:
            found = _json(self._request("GET", _v1(model)))
        except ServingError:
            return False
        if "ready" in found:  # KServe's answer at the same address
            return bool(found["ready"])
        states = [one.get("state") for one in found.get("model_version_status", [])]
        return "AVAILABLE" in states


class OpenInference(_Rest):
    """`POST /v2/models/NAME[/versions/V]/infer`, tensors as bytes behind the JSON."""

    def call(self, model: Mapping[str, Any], signature: str, inputs: Mapping[str, Any]) -> Any:
        """Return a signature's outputs by name."""
        contents = [np.ascontiguousarray(a).tobytes() for a in inputs.values()]
        described = [
            {
                "name": name,
                "shape": list(array.shape),
                "datatype": NAMES[array.dtype.name],
                "parameters": {"binary_data_size": len(content)},
            }
            for (name, array), content in zip(inputs.items(), contents, strict=True)
        ]
        parameters = {"signature_name": signature, "binary_data_output": True}
        head = json.dumps({"parameters": parameters, "inputs": described}).encode()
        headers = {LENGTH: str(len(head)), "Content-Type": "application/octet-stream"}
        answer = self._request(
            "POST", f"{_v2(model)}/infer", content=b"".join([head, *contents]), headers=headers
        )
        return _tensors(answer)

    def metadata(self, model: Mapping[str, Any]) -> Any:
        """Return what the server says of the model."""
        return _json(self._request("GET", _v2(model)))

    def is_ready(self, model: Mapping[str, Any]) -> bool:
        """Return whether the model is ready."""
        try:
            return bool(_json(self._request("GET", f"{_v2(model)}/ready")).get("ready", True))
        except ServingError:
            return False


def _v1(model: Mapping[str, Any]) -> str:
    path = f"/v1/models/{model['name']}"
    if model["label"] is not None:
        return f"{path}/labels/{model['label']}"
    return path if model["version"] is None else f"{path}/versions/{model['version']}"


def _v2(model: Mapping[str, Any]) -> str:
    name = model["name"] if model["label"] is None else f"{model['name']}@{model['label']}"
    path = f"/v2/models/{name}"
    return path if model["version"] is None else f"{path}/versions/{model['version']}"


def _json(answer: Any) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError as error:
        raise ServingError(
            answer.status_code, f"an answer must be JSON. Received: {error}"
        ) from error
    if not isinstance(found, dict):
        raise ServingError(
            answer.status_code, f"an answer must be an object. Received: {found!r:.80}"
        )
    return found


def _tensors(answer: Any) -> dict[str, np.ndarray]:
    size = int(answer.headers.get(LENGTH, len(answer.content)))
    found, rest = json.loads(answer.content[:size]), memoryview(answer.content)[size:]
    outputs = {}
    for tensor in found["outputs"]:
        dtype, shape = TYPES[tensor["datatype"]], tensor["shape"]
        if "data" in tensor:
            outputs[tensor["name"]] = np.array(tensor["data"], dtype).reshape(shape)
            continue
        length = tensor["parameters"]["binary_data_size"]
        outputs[tensor["name"]] = np.frombuffer(rest[:length], dtype).reshape(shape).copy()
        rest = rest[length:]
    return outputs


def _message(answer: Any) -> str:
    try:
        found = answer.json()
        return str(found.get("error", found) if isinstance(found, dict) else found)[:2000]
    except ValueError:
        return str(answer.text)[:2000] or "no message"
