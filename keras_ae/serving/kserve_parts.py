"""KServe's parts as the local server uses them; imported only where KServe is installed."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

import grpc
import orjson
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from kserve import ModelRepository
from kserve.constants.constants import INFERENCE_CONTENT_LENGTH_HEADER, PredictorProtocol
from kserve.errors import InvalidInput
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc as stubs
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.infer_type import (
    InferInput,
    InferRequest,
    RequestedOutput,
)
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.server import RESTServer
from kserve.protocol.rest.v2_datamodels import InferenceRequest

from keras_ae.serving.gate import Gate
from keras_ae.serving.served import Served
from keras_ae.serving.versions import NAMES, Version

APPLICATION = "kserve.model_server:app"
LAST_REQUESTS = 1.0
"""Seconds in which connections that are kept open may ask once more."""
MOST_CONNECTIONS = 512


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
