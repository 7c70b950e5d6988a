"""KServe's parts as the local server uses them; imported only where KServe is installed."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import uuid
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

import grpc
import numpy as np
import orjson
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from kserve import Model, ModelRepository
from kserve.constants.constants import INFERENCE_CONTENT_LENGTH_HEADER, PredictorProtocol
from kserve.errors import InvalidInput, ModelNotFound
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc as stubs
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.infer_type import (
    InferInput,
    InferOutput,
    InferRequest,
    InferResponse,
    RequestedOutput,
)
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.server import RESTServer
from kserve.protocol.rest.v2_datamodels import InferenceRequest

from keras_ae.serving import predict
from keras_ae.serving.gate import Gate
from keras_ae.serving.versions import DEFAULT, NAMES, BadRequest, Function, Tensor, Version

APPLICATION = "kserve.model_server:app"
LAST_REQUESTS = 1.0
"""Seconds in which connections that are kept open may ask once more."""
MOST_CONNECTIONS = 512
LARGE = 2**16
"""Numbers, or bytes, that are turned into text on another thread."""


class Served(Model):
    """A version under one of its names.

    Args:
        name: The name.
        version: The version.
        computing: Where it is computed when that takes long, so that no other request waits.
        registry: Where other versions are found.
    """

    def __init__(self, name: str, version: Version, computing: Executor, registry: Any) -> None:
        super().__init__(name)
        self.version, self._computing, self._registry = version, computing, registry
        self.ready = True

    def validate(self, payload: Any) -> Any:
        """Return the request, which `predict` checks."""
        return payload

    async def predict(self, payload: Any, headers: Any = None, *more: Any) -> Any:
        """Return the answer to a request of either protocol."""
        try:
            if isinstance(payload, InferRequest):
                return await self._infer(payload)
            choose = self.version.function
            is_large = len(payload) > LARGE if isinstance(payload, bytes) else _is_large(payload)
            function, inputs, by_row = await self._aside(
                is_large, predict.from_predict, payload, choose
            )
            outputs = await self._run(self.version, function, inputs)
            is_large = sum(array.size for array in outputs.values()) > LARGE
            return await self._aside(is_large, predict.to_predict, outputs, by_row)
        except BadRequest as error:
            raise InvalidInput(str(error)) from error

    async def _run(self, version: Version, function: Function, inputs: Any) -> Any:
        if version.is_quick(function, inputs):  # another thread would cost as much again
            return version.run(function, inputs)
        return await self._aside(True, version.run, function, inputs)

    async def _aside(self, takes_long: bool, work: Any, *arguments: Any) -> Any:
        """Return what some work gives, done on another thread when it takes long."""
        if not takes_long:
            return work(*arguments)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._computing, functools.partial(work, *arguments))

    async def _infer(self, request: Any) -> Any:
        version = self._of(request.model_version)
        function = version.function(_parameter(request.parameters, "signature_name"))
        inputs = {i.name: _array(function, i) for i in request.inputs}
        wanted = [output.name for output in request.request_outputs or ()]
        unknown = sorted(set(wanted) - set(function.outputs))
        if unknown:
            raise BadRequest(
                f"the outputs of {function.name!r} must be {sorted(function.outputs)}. "
                f"Received: {unknown!r:.200}"
            )
        found = await self._run(version, function, inputs)
        found = {name: found[name] for name in wanted or function.outputs}
        is_large = sum(array.size for array in found.values()) > LARGE
        outputs = await self._aside(is_large, _outputs, request, found)
        return InferResponse(
            response_id=request.id or str(uuid.uuid4()),
            model_name=version.name,
            model_version=str(version.number),
            infer_outputs=outputs,
            from_grpc=request.from_grpc,
            use_binary_outputs=request.use_binary_outputs,
            requested_outputs=request.request_outputs,
        )

    def _of(self, number: str | None) -> Version:
        """Return the version that a gRPC request names in a field of its own."""
        if not number or str(self.version.number) == number:
            return self.version
        other = self._registry.get_model(f"{self.version.name}@{number}")
        if other is None:
            raise ModelNotFound(f"{self.version.name}@{number}")
        version: Version = other.version
        return version

    def get_input_types(self) -> list[dict[str, Any]]:
        """Return the inputs of the default signature."""
        return _described(self.version.function(self._default).inputs)

    def get_output_types(self) -> list[dict[str, Any]]:
        """Return the outputs of the default signature."""
        return _described(self.version.function(self._default).outputs)

    @property
    def _default(self) -> str:
        return DEFAULT if DEFAULT in self.version.functions else min(self.version.functions)


class Registry(ModelRepository):
    """The names that are served; the folder alone changes them."""

    def show(self, names: Mapping[str, Version], computing: Executor) -> None:
        """Serve these names, all at once."""
        self.models = {
            name: Served(name, version, computing, self) for name, version in names.items()
        }

    def unload(self, name: str) -> None:
        """Do nothing: requests in flight need the models until the end."""


class Extension(ModelRepositoryExtension):
    """Loading and unloading by request, which is refused."""

    async def load(self, model_name: str) -> bool:
        """Refuse."""
        raise InvalidInput("models follow the folder: write a new version into it")

    async def unload(self, model_name: str) -> None:
        """Refuse."""
        raise InvalidInput("models follow the folder: remove a version from it")


class CheckedDataPlane(DataPlane):
    """KServe's data plane, to which a request that it cannot read is a bad request."""

    def decode(self, body: Any, headers: Any, *more: Any, **named: Any) -> Any:
        """Return the request.

        Raises:
            InvalidInput: It cannot be read.
        """
        try:
            return super().decode(body, headers, *more, **named)
        except InvalidInput:
            if PredictorProtocol.REST_V2.value not in (*more, named.get("protocol_version")):
                return body, {}  # `predict` says more, and knows NaN
            raise
        except Exception as error:
            raise InvalidInput(
                f"a request must be of its protocol. Received: one in which "
                f"{type(error).__name__}: {error!s:.200}"
            ) from error

    def decode_inference_request(self, body: Any, headers: Any, model_name: str) -> Any:
        """Return a V2 request; tensors that came as bytes stay bytes.

        KServe makes lists of numbers of them, 6 ms for each 100 kB.
        """
        length = headers.get(INFERENCE_CONTENT_LENGTH_HEADER)
        if not isinstance(body, bytes) or length is None:
            return super().decode_inference_request(body, headers, model_name)
        head, rest = orjson.loads(body[: int(length)]), body[int(length) :]
        _check_head(head)
        inputs = []
        for given in head["inputs"]:
            made = InferInput(given["name"], given["shape"], given["datatype"])
            size = (given.get("parameters") or {}).get("binary_data_size")
            if size is None:
                made.data = given["data"]
            elif made.datatype in NAMES.values():
                made._raw_data, rest = rest[:size], rest[size:]
            inputs.append(made)
        return InferRequest(
            model_name=model_name,
            request_id=head.get("id"),
            parameters=head.get("parameters"),
            infer_inputs=inputs,
            request_outputs=[
                RequestedOutput(output["name"], output.get("parameters"))
                for output in head.get("outputs") or ()
            ],
        )


def _check_head(head: Any) -> None:
    """Refuse the JSON of a request whose parts have not the protocol's types.

    Raises:
        InvalidInput: As said.
    """
    described = {"id": head.get("id", ""), "inputs": [], "parameters": head.get("parameters")}
    for given in head["inputs"]:
        described["inputs"].append({"data": [], **given})
    described["outputs"] = head.get("outputs")
    InferenceRequest.model_validate({k: v for k, v in described.items() if v is not None})


def rest_server(plane: Any, registry: Any, at: Any) -> Any:
    """Return KServe's REST server, bound to one interface and behind the gate."""

    class Server(RESTServer):
        _ending = threading.Event()

        def _add_middlewares(self, app: Any) -> None:
            app.add_middleware(Gate, most_bytes=at.most_bytes, ending=self._ending)

        def _add_exception_handlers(self, app: Any) -> None:
            super()._add_exception_handlers(app)
            app.add_exception_handler(RequestValidationError, _not_of_the_protocol)

        def has_started(self) -> bool:
            return bool(self._server.started)

        async def end(self) -> None:
            """Take no new connection, have those that are kept open closed, then close all."""
            self._ending.set()
            for listener in self._server.servers:
                listener.close()
            await asyncio.sleep(LAST_REQUESTS)
            self._server.should_exit = True

    server = Server(APPLICATION, plane, Extension(registry), at.port, grace_period=30)
    server.config.host = at.host
    server.config.limit_concurrency = MOST_CONNECTIONS
    # Signals are the caller's, who stops both servers.
    server._server.capture_signals = contextlib.nullcontext
    return server


async def _not_of_the_protocol(request: Any, error: Any) -> Any:
    """Say what is wrong in words: what came may hold numbers that JSON cannot repeat."""
    wrong = "; ".join(f"{one['loc']}: {one['msg']}" for one in error.errors())
    text = f"a request must be as the Open Inference Protocol says. Received: {wrong:.400}"
    return JSONResponse({"error": text}, status_code=422)


def grpc_server(plane: Any, registry: Any, at: Any) -> Any:
    """Return a gRPC server of KServe's service, bound to one interface."""
    options = [
        ("grpc.max_send_message_length", -1),  # an answer's size is checked before it is computed
        ("grpc.max_receive_message_length", at.most_bytes),
        ("grpc.so_reuseport", 0),
    ]
    server = grpc.aio.server(
        interceptors=(ExceptionToStatusInterceptor(),),
        options=options,
        maximum_concurrent_rpcs=MOST_CONNECTIONS,
    )
    servicer = InferenceServicer(plane, Extension(registry))
    stubs.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    host = f"[{at.host}]" if ":" in at.host else at.host
    server.add_insecure_port(f"{host}:{at.grpc_port}")
    return server


def _outputs(request: Any, found: Mapping[str, np.ndarray]) -> list[Any]:
    outputs = []
    for name, array in found.items():
        output = InferOutput(name, list(array.shape), NAMES[array.dtype.name])
        is_binary = _is_binary(request, name)
        output.set_data_from_numpy(np.ascontiguousarray(array), binary_data=is_binary)
        outputs.append(output)
    return outputs


def _is_large(body: Any) -> bool:
    """Return whether a read body has many numbers, by its first row."""
    rows = body.get("instances", body.get("inputs")) if isinstance(body, dict) else None
    size = 1
    while isinstance(rows, (list, dict)) and rows:
        size *= len(rows)
        rows = next(iter(rows.values())) if isinstance(rows, dict) else rows[0]
    return size > LARGE


def _array(function: Function, given: Any) -> np.ndarray:
    if given.name not in function.inputs:
        raise BadRequest(
            f"the inputs of {function.name!r} must be {sorted(function.inputs)}. "
            f"Received: {given.name!r:.80}"
        )
    wanted = NAMES.get(function.inputs[given.name].dtype)
    if given.datatype != wanted:
        raise BadRequest(f"`{given.name}` must be {wanted}. Received: {given.datatype!r:.40}")
    try:
        if isinstance(given.data, list) and given.data:
            dtype = np.dtype(function.inputs[given.name].dtype)
            return predict.numbers(dtype, given.data).reshape(given.shape)
        array: np.ndarray = given.as_numpy()
    except Exception as error:
        raise BadRequest(
            f"`{given.name}` must hold as many numbers as its shape says. Received: shape "
            f"{given.shape!r:.80} ({error!s:.120})"
        ) from error
    return array


def _parameter(parameters: Any, name: str) -> Any:
    """Return a parameter of a request, which gRPC wraps."""
    if not parameters or name not in parameters:
        return None
    value = parameters[name]
    return getattr(value, "string_param", value)


def _is_binary(request: Any, name: str) -> bool:
    for output in request.request_outputs or ():
        if output.name == name and output.binary_data is not None:
            return bool(output.binary_data)
    return bool(request.use_binary_outputs)


def _described(tensors: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    return [
        {"name": name, "datatype": NAMES[t.dtype], "shape": list(t.shape)}
        for name, t in tensors.items()
    ]
