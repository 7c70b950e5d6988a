from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from keras_ae.serving import predict
from keras_ae.serving.versions import BadRequest, Function, Tensor

ONE = Function("score", {"x": Tensor("x", (-1, 2), "float32")}, {}, None)
TWO = Function(
    "decode",
    {
        "latent": Tensor("latent", (-1, 1), "float32"),
        "condition": Tensor("condition", (-1, 2), "float32"),
    },
    {},
    None,
)
CODES = Function("decode_indices", {"indices": Tensor("indices", (-1, 2), "int32")}, {}, None)
SEEDED = Function(
    "sample_seeded",
    {"seed": Tensor("seed", (), "int32"), "count": Tensor("count", (), "int32")},
    {},
    None,
)


def read(function: Function, body: Any) -> tuple[dict[str, np.ndarray], bool]:
    found, inputs, by_row = predict.from_predict(body, lambda name: function)
    assert found is function
    return inputs, by_row


def test_rows_of_one_input_are_bare_values() -> None:
    inputs, by_row = read(ONE, b'{"instances": [[1, 2.5], [3, null]]}')
    assert by_row
    np.testing.assert_array_equal(read(ONE, b'{"inputs": [[1, NaN]]}')[0]["x"], [[1, np.nan]])
    assert inputs["x"].dtype == "float32"
    np.testing.assert_array_equal(inputs["x"], [[1, 2.5], [3, np.nan]])


def test_rows_may_be_objects_and_columns_whole() -> None:
    row = {"latent": [1.0], "condition": [2.0, 3.0]}
    inputs, _ = read(TWO, {"instances": [row, row]})
    assert {name: a.shape for name, a in inputs.items()} == {"latent": (2, 1), "condition": (2, 2)}
    inputs, by_row = read(TWO, {"inputs": {"latent": [[1.0]], "condition": [[2.0, 3.0]]}})
    assert not by_row
    inputs, _ = read(ONE, {"inputs": [[1, 2]]})
    assert inputs["x"].tolist() == [[1.0, 2.0]]
    inputs, _ = read(ONE, {"instances": [{"x": [1, 2]}]})
    assert inputs["x"].tolist() == [[1.0, 2.0]]


def test_whole_numbers_stay_whole() -> None:
    inputs, _ = read(CODES, {"instances": [[0, 7]]})
    assert inputs["indices"].dtype == "int32"
    inputs, _ = read(SEEDED, {"inputs": {"seed": 3, "count": 2}})
    assert {name: int(a) for name, a in inputs.items()} == {"seed": 3, "count": 2}


def test_the_signature_is_chosen_by_its_name() -> None:
    asked: list[Any] = []
    body = {"signature_name": "encode", "instances": [[1, 2]]}
    predict.from_predict(body, lambda name: asked.append(name) or ONE)  # type: ignore[func-returns-value]
    predict.from_predict({"instances": [[1, 2]]}, lambda name: asked.append(name) or ONE)  # type: ignore[func-returns-value]
    assert asked == ["encode", None]


@pytest.mark.parametrize(
    ("function", "body", "words"),
    [
        (ONE, b"{", "must be JSON"),
        (ONE, b'{"instances": [[1, Infinity]]}', "not a number of JSON"),
        (ONE, b"[" * 100_000, "must be JSON"),
        (ONE, b"\xff\xfe", "must be JSON"),
        (ONE, b"[1]", "must be a JSON object. Received: list"),
        (ONE, {}, "either `instances` or `inputs`"),
        (ONE, {"instances": [[1, 2]], "inputs": [[1, 2]]}, "either `instances` or `inputs`"),
        (ONE, {"instances": []}, "must be a list of rows"),
        (ONE, {"instances": {"x": [1, 2]}}, "must be a list of rows"),
        (ONE, {"instances": [[1, 2], [3]]}, "in rows of one shape"),
        (ONE, {"instances": [["1", "2"]]}, "must hold numbers"),
        (ONE, {"instances": [["1", None]]}, "must hold numbers"),
        (ONE, {"instances": [[True, False]]}, "must hold numbers"),
        (ONE, {"instances": [{"y": [1, 2]}]}, r"must have the keys \['x'\]"),
        (ONE, {"instances": [[{}, {}]]}, "must hold numbers"),
        (ONE, {"inputs": {"y": [[1, 2]]}}, r"must be \['x'\]. Received: .*y"),
        (TWO, {"inputs": [[1, 2]]}, "must be an object with the keys"),
        (TWO, {"instances": [[1, 2]]}, "must have the keys"),
        (CODES, {"instances": [[0.5, 1]]}, "not whole numbers"),
        (CODES, {"instances": [[2**40, 1]]}, "more than 32 bits"),
        (CODES, {"instances": [[2**90, 1]]}, "must hold numbers"),
        (SEEDED, {"instances": [{"seed": 1, "count": 2}]}, "takes no rows"),
    ],
)
def test_what_is_no_request_is_said(function: Function, body: Any, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        read(function, body)


def test_answers_have_the_form_of_their_question() -> None:
    one = {"score": np.array([1.0, 2.0], "float32")}
    assert predict.to_predict(one, True) == {"predictions": [1.0, 2.0]}
    assert predict.to_predict(one, False) == {"outputs": [1.0, 2.0]}
    two = {**one, "latent": np.array([[3.0], [4.0]], "float32")}
    assert predict.to_predict(two, True) == {
        "predictions": [{"score": 1.0, "latent": [3.0]}, {"score": 2.0, "latent": [4.0]}]
    }
    assert predict.to_predict(two, False)["outputs"] == {
        "score": [1.0, 2.0],
        "latent": [[3.0], [4.0]],
    }
    json.dumps(predict.to_predict(two, True))
