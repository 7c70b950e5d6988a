from __future__ import annotations

import pytest

from keras_ae.repository import wire


def test_every_field_is_the_servers_own() -> None:
    """Numbers and types, against the official messages."""
    from google.protobuf.descriptor import FieldDescriptor
    from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2
    from tensorflow_serving.config import model_server_config_pb2 as config

    policy = config.ModelConfig.DESCRIPTOR.fields_by_name["model_version_policy"].message_type
    official = {
        "ModelSpec": model_pb2.ModelSpec.DESCRIPTOR,
        "PredictRequest": predict_pb2.PredictRequest.DESCRIPTOR,
        "PredictLog": prediction_log_pb2.PredictLog.DESCRIPTOR,
        "PredictionLog": prediction_log_pb2.PredictionLog.DESCRIPTOR,
        "ModelServerConfig": config.ModelServerConfig.DESCRIPTOR,
        "ModelConfigList": config.ModelConfigList.DESCRIPTOR,
        "ModelConfig": config.ModelConfig.DESCRIPTOR,
        "VersionPolicy": policy,
        "Latest": policy.nested_types_by_name["Latest"],
        "All": policy.nested_types_by_name["All"],
        "Specific": policy.nested_types_by_name["Specific"],
    }
    messages = (FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_BYTES)
    for name, theirs in official.items():
        for field, (number, kind, _) in wire.MESSAGES[name].items():
            found = theirs.fields_by_name[field]
            assert found.number == number, (name, field)
            wanted = getattr(FieldDescriptor, f"TYPE_{kind.upper()}", messages[0])
            assert found.type == wanted, (name, field)


def test_a_request_is_read_by_the_servers_own_messages() -> None:
    from tensorflow.core.framework.tensor_pb2 import TensorProto
    from tensorflow_serving.apis import predict_pb2

    request = wire.message("PredictRequest")
    request.model_spec.name, request.model_spec.version.value = "ae", 3
    request.inputs.add(key="x", value=TensorProto(float_val=[1.5]).SerializeToString())
    read = predict_pb2.PredictRequest.FromString(request.SerializeToString())
    assert (read.model_spec.name, read.model_spec.version.value) == ("ae", 3)
    assert list(read.inputs["x"].float_val) == [1.5]


def test_unknown_messages_are_errors() -> None:
    with pytest.raises(KeyError):
        wire.message("Nothing")
