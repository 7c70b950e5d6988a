from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from keras_ae.serving import predict
from keras_ae.serving.versions import BadRequest, Function, Tensor

FUNCTIONS = [
    Function("score", {"x": Tensor("x", (-1, 2), "float32")}, {}, None),
    Function(
        "decode",
        {
            "latent": Tensor("latent", (-1, 1), "float32"),
            "condition": Tensor("condition", (-1, 2), "float32"),
        },
        {},
        None,
    ),
    Function("decode_indices", {"indices": Tensor("indices", (-1, 2), "int32")}, {}, None),
    Function("sample_seeded", {"seed": Tensor("seed", (), "int32")}, {}, None),
]
NAMES = st.sampled_from(["x", "latent", "condition", "indices", "seed", ""])
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.just(1)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
BODIES = st.dictionaries(
    st.sampled_from(["instances", "inputs", "signature_name", "parameters"]), VALUES, max_size=3
)


def taken(function: Function, body: Any) -> None:
    """Read a body; what is taken has the function's inputs, in its types."""
    try:
        found, inputs, _ = predict.from_predict(body, lambda name: function)
    except BadRequest:
        return
    assert found is function
    assert set(inputs) == set(function.inputs)
    for name, array in inputs.items():
        assert array.dtype == function.inputs[name].dtype


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(FUNCTIONS), BODIES | VALUES)
def test_any_json_is_read_or_refused(function: Function, body: Any) -> None:
    taken(function, body)
    taken(function, json.dumps(body).encode())


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(FUNCTIONS), st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(function: Function, body: bytes) -> None:
    taken(function, body)
