"""A version under one of its names, as KServe asks it; imported only where KServe is installed."""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

import numpy as np
from kserve import Model
from kserve.errors import InvalidInput, ModelNotFound
from kserve.protocol.infer_type import InferOutput, InferRequest, InferResponse

from keras_ae.serving import predict
from keras_ae.serving.versions import DEFAULT, NAMES, BadRequest, Function, Tensor, Version

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
