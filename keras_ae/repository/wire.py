"""The messages of TensorFlow Serving and of the Open Inference Protocol, field by field.

TensorFlow Serving's own package of them would bring TensorFlow's full build onto a machine with the
small one. Maps are lists of entries here and tensors are bytes, which is the same on the wire.
"""

from __future__ import annotations

from functools import cache
from typing import Any

PACKAGE = "keras_ae.wire"

Field = tuple[int, str, bool]
"""Number, type and whether there are many."""

MESSAGES: dict[str, dict[str, Field]] = {
    # Warm-up records.
    "Version": {"value": (1, "int64", False)},
    "ModelSpec": {
        "name": (1, "string", False),
        "version": (2, "Version", False),
        "signature_name": (3, "string", False),
        "version_label": (4, "string", False),
    },
    "NamedTensor": {"key": (1, "string", False), "value": (2, "bytes", False)},
    "PredictRequest": {
        "model_spec": (1, "ModelSpec", False),
        "inputs": (2, "NamedTensor", True),
    },
    "PredictLog": {"request": (1, "PredictRequest", False)},
    "PredictionLog": {"predict_log": (6, "PredictLog", False)},
    # models.config.
    "ModelServerConfig": {"model_config_list": (1, "ModelConfigList", False)},
    "ModelConfigList": {"config": (1, "ModelConfig", True)},
    "ModelConfig": {
        "name": (1, "string", False),
        "base_path": (2, "string", False),
        "model_platform": (4, "string", False),
        "model_version_policy": (7, "VersionPolicy", False),
        "version_labels": (8, "NamedVersion", True),
    },
    "VersionPolicy": {
        "latest": (100, "Latest", False),
        "all": (101, "All", False),
        "specific": (102, "Specific", False),
    },
    "Latest": {"num_versions": (1, "uint32", False)},
    "All": {},
    "Specific": {"versions": (1, "int64", True)},
    "NamedVersion": {"key": (1, "string", False), "value": (2, "int64", False)},
    # The Open Inference Protocol.
    "Parameter": {
        "bool_param": (1, "bool", False),
        "int64_param": (2, "int64", False),
        "string_param": (3, "string", False),
    },
    "NamedParameter": {"key": (1, "string", False), "value": (2, "Parameter", False)},
    "InferTensor": {
        "name": (1, "string", False),
        "datatype": (2, "string", False),
        "shape": (3, "int64", True),
    },
    "ModelMetadataRequest": {"name": (1, "string", False), "version": (2, "string", False)},
    "ModelMetadataResponse": {
        "name": (1, "string", False),
        "inputs": (4, "InferTensor", True),
        "outputs": (5, "InferTensor", True),
    },
    "ModelInferRequest": {
        "model_name": (1, "string", False),
        "model_version": (2, "string", False),
        "id": (3, "string", False),
        "parameters": (4, "NamedParameter", True),
        "inputs": (5, "InferTensor", True),
        "raw_input_contents": (7, "bytes", True),
    },
    "ModelInferResponse": {
        "model_name": (1, "string", False),
        "model_version": (2, "string", False),
        "outputs": (5, "InferTensor", True),
        "raw_output_contents": (6, "bytes", True),
    },
}
"""Message -> its fields."""


def message(name: str) -> Any:
    """Return an empty message."""
    return _classes()[name]()


def read(name: str, content: bytes) -> Any:
    """Return the message in some bytes."""
    return _classes()[name].FromString(content)


@cache
def _classes() -> dict[str, Any]:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(
        name="keras_ae/wire.proto", package=PACKAGE, syntax="proto3"
    )
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in MESSAGES.items():
        described = file.message_type.add(name=name)
        for field, (number, kind, many) in fields.items():
            made = described.field.add(name=field, number=number)
            made.label = kinds.LABEL_REPEATED if many else kinds.LABEL_OPTIONAL
            if kind in MESSAGES:
                made.type, made.type_name = kinds.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
            else:
                made.type = kinds.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = {name: pool.FindMessageTypeByName(f"{PACKAGE}.{name}") for name in MESSAGES}
    return {name: message_factory.GetMessageClass(found[name]) for name in MESSAGES}
