"""A live server under random requests."""

from __future__ import annotations

import json

import httpx
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.test_requests import BODIES, VALUES
from tests.serving.conftest import Running

pytestmark = [
    pytest.mark.skipif(keras.backend.backend() != "torch", reason="where the server is tested"),
    pytest.mark.slow,
]

PARTS = st.sampled_from(
    [
        *("v1", "v2", "models", "table", "table@1", "versions", "labels", "1", "stable", "infer"),
        *("ready", "table:predict", "..", "%00", "", "repository", "load"),
    ]
)
TENSORS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["x", "y", ""]) | VALUES,
        "shape": st.lists(st.integers(-2, 2**63), max_size=3) | VALUES,
        "datatype": st.sampled_from(["FP32", "BYTES", "FP16", "INT64", "?"]) | VALUES,
        "data": VALUES,
        "parameters": VALUES | st.just({"binary_data_size": 4}),
    },
)
INFER = st.fixed_dictionaries(
    {},
    optional={
        "inputs": st.lists(TENSORS, max_size=2) | VALUES,
        "outputs": st.lists(TENSORS, max_size=2) | VALUES,
        "parameters": VALUES | st.just({"signature_name": "score"}),
        "id": VALUES,
    },
)


def test_no_request_is_answered_by_an_error_of_the_servers_own(server: Running) -> None:
    connection = httpx.Client(timeout=30)

    @settings(max_examples=600, deadline=None, database=None)
    @given(
        st.lists(PARTS, min_size=1, max_size=5).map("/".join)
        | st.sampled_from(["v1/models/table:predict", "v2/models/table/infer"]),
        BODIES.map(lambda b: json.dumps(b).encode())
        | INFER.map(lambda b: json.dumps(b).encode())
        | st.binary(max_size=80),
        st.sampled_from(["application/json", "application/octet-stream", "text/plain"]),
        st.none() | st.sampled_from(["0", "-1", "5", "99", "x", "all"]),
    )
    def ask(path: str, body: bytes, kind: str, length: str | None) -> None:
        headers = {"Content-Type": kind}
        if length is not None:
            headers["Inference-Header-Content-Length"] = length.replace("all", str(len(body)))
        answer = connection.post(f"{server.http}/{path}", content=body, headers=headers)
        assert answer.status_code < 500, answer.text

    ask()
    x = np.zeros((1, 6)).tolist()
    answer = connection.post(f"{server.http}/v1/models/table:predict", json={"instances": x})
    assert answer.status_code == 200
    connection.close()
    assert server.process.poll() is None
