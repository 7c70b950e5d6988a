from __future__ import annotations

import json
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx
import keras
import numpy as np
import pytest

from keras_ae.cli.serve import serve
from keras_ae.exporting import parity
from keras_ae.exporting.signatures import signatures_of
from keras_ae.serving import Client, ServingError, engine
from tests.exporting.own import with_missing_entries
from tests.serving.conftest import Running, start

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="the models are trained on torch, and served"
)
NAMES = ("table", "images", "quantized")


def asked(client: Client, model: Any, seed: int) -> dict[str, float]:
    """Return how far each signature of the served model is from the model."""
    signatures = signatures_of(model)
    made = parity.probe(model, signatures, seed=seed)
    outputs = {s.name: s.output.name for s in signatures}

    def run(name: str, inputs: dict[str, Any]) -> np.ndarray:
        return client.predict(name, **inputs)[outputs[name]]

    return parity.measure(run, signatures, made)


@pytest.mark.parametrize("name", [*NAMES, "labelled"])
@pytest.mark.parametrize("way", ["http", "grpc"])
def test_what_torch_trained_is_served_as_it_is(
    server: Running, models: dict[str, Any], name: str, way: str
) -> None:
    with Client(getattr(server, way), name) as client:
        measured = asked(client, models[name], seed=3)
    assert max(measured.values()) <= parity.TOLERANCE, measured


@pytest.mark.parametrize("name", NAMES)
def test_the_predict_body_of_tensorflow_serving_is_understood(
    server: Running, models: dict[str, Any], name: str
) -> None:
    model = models[name]
    x = np.random.default_rng(0).random((3, *model.event_shape), dtype="float32")
    body = {"signature_name": "score", "instances": x.tolist()}
    # As curl sends it, which says another type of content.
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    url = f"{server.http}/v1/models/{name}/versions/1:predict"
    answer = httpx.post(url, content=json.dumps(body), headers=headers)
    np.testing.assert_allclose(answer.json()["predictions"], model.score(x), rtol=1e-5)
    latent = httpx.post(url, json={"signature_name": "encode", "inputs": {"x": x.tolist()}})
    np.testing.assert_allclose(latent.json()["outputs"], model.encode(x), rtol=1e-5, atol=1e-5)
    with Client(server.http, name, protocol="tfs", label="stable") as client:
        np.testing.assert_allclose(client.score(x), model.score(x), rtol=1e-5)


@pytest.mark.parametrize("way", ["http", "grpc"])
@pytest.mark.parametrize("protocol", ["v2", "tfs"])
def test_a_served_model_is_told_its_conditions(
    server: Running, models: dict[str, Any], way: str, protocol: str
) -> None:
    if (way, protocol) == ("grpc", "tfs"):
        pytest.skip("this server speaks the open protocol over gRPC")
    model, rng = models["labelled"], np.random.default_rng(0)
    x, labels, z = rng.random((3, 6)), [2, 0, 1], rng.normal(size=(3, 2)).astype("float32")
    rows = {"x": x, "condition": labels}
    with Client(getattr(server, way), "labelled", protocol=protocol) as client:
        for found, wanted in (
            (client.encode(x, condition=labels), model.encode(rows)),
            (client.score(x, np.array(labels, "float64")), model.score(rows)),
            (client.decode(z, condition=labels), model.decode(z, condition=labels)),
        ):
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
        assert client.sample(z, condition=labels).shape == (3, 6)
        for wrong in ([2, 0, 3], [2, 0, -1]):
            with pytest.raises(ServingError, match="whole numbers from 0 to 2"):
                client.encode(x, condition=wrong)
        with pytest.raises(ServingError, match="condition"):
            client.encode(x)


def test_rows_of_a_predict_body_have_their_conditions(
    server: Running, models: dict[str, Any]
) -> None:
    x = np.random.default_rng(0).random((2, 6), dtype="float32")
    rows = [{"x": row.tolist(), "condition": label} for row, label in zip(x, (1, 2), strict=True)]
    body = {"signature_name": "score", "instances": rows}
    answer = httpx.post(f"{server.http}/v1/models/labelled:predict", json=body)
    wanted = models["labelled"].score({"x": x, "condition": [1, 2]})
    np.testing.assert_allclose(answer.json()["predictions"], wanted, rtol=1e-5)


def test_names_versions_labels_and_metrics_are_there(server: Running) -> None:
    found = httpx.get(f"{server.http}/v2/models").json()["models"]
    assert {"table", "table@1", "table@stable", "table@latest", "images", "quantized"} <= set(found)
    described = httpx.get(f"{server.http}/v2/models/table/versions/1").json()
    assert described["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 6]}]
    assert httpx.get(f"{server.http}/v2/health/ready").json() == {"ready": True}
    assert httpx.get(f"{server.http}/v1/models/table").json() == {"name": "table", "ready": True}
    assert "request_predict_seconds" in httpx.get(f"{server.http}/metrics").text
    for way in (server.http, server.grpc):
        for options, there in [({}, True), ({"label": "stable"}, True), ({"version": 9}, False)]:
            with Client(way, "table", **options) as client:  # type: ignore[arg-type]
                assert client.is_ready() == there
                if there:
                    assert client.metadata()["inputs"][0]["name"] == "x"


def test_a_seed_draws_examples(server: Running) -> None:
    with Client(server.grpc, "table") as client:
        first, again, other = (
            client.predict("sample_seeded", seed=seed, count=4)["sample"] for seed in (1, 1, 2)
        )
    assert first.shape == (4, 6)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def v1(body: Any) -> dict[str, Any]:
    return {"path": "/v1/models/table:predict", "content": body}


def v2(tensor: dict[str, Any], **more: Any) -> dict[str, Any]:
    whole = {"name": "x", "shape": [1, 6], "datatype": "FP32", "data": [0.0] * 6, **tensor}
    return {"path": "/v2/models/table/infer", "content": json.dumps({"inputs": [whole], **more})}


def binary(**tensor: Any) -> dict[str, Any]:
    whole = {"name": "x", "shape": [1, 6], "datatype": "FP32"}
    whole |= {"parameters": {"binary_data_size": 24}, **tensor}
    head = json.dumps({"inputs": [whole]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    return {"path": "/v2/models/table/infer", "content": head + bytes(24), "headers": headers}


BINARY = {"Inference-Header-Content-Length": "10"}
BAD: list[tuple[str, dict[str, Any], int, str]] = [
    ("truncated", v1('{"instances": [[1, 2'), 400, "must be JSON|request format"),
    ("width", v1('{"instances": [[1, 2]]}'), 400, r"shape \(rows, 6\). Received: \(1, 2\)"),
    ("rank", v1('{"instances": [1, 2]}'), 400, "must have the shape"),
    ("text", v1('{"instances": [["a"]]}'), 400, "must hold numbers"),
    ("null", v1('{"instances": [[null, 1, 1, 1, 1, 1]]}'), 400, "must be finite"),
    ("huge", v1('{"instances": [[1e300, 1, 1, 1, 1, 1]]}'), 400, "must be finite"),
    ("signature", v1('{"signature_name": "scor", "instances": [[1]]}'), 400, "mean 'score'"),
    ("signature type", v1('{"signature_name": [], "instances": [[1]]}'), 400, "must be one of"),
    ("no body", v1(b""), 400, "must be JSON|request format"),
    ("large", v1(b" " * 2_500_000), 413, "at most 2097152 bytes"),
    ("model", {"path": "/v1/models/none:predict", "content": "{}"}, 404, "none"),
    ("version", {"path": "/v1/models/table/versions/7:predict", "content": "{}"}, 404, "table@7"),
    ("address", {"path": "/v3/models", "content": "{}"}, 404, ""),
    ("v2 shape", v2({"shape": [1, 7]}), 400, "as many numbers as its shape"),
    ("v2 width", v2({"shape": [2, 3]}), 400, r"shape \(rows, 6\)"),
    ("v2 negative", v2({"shape": [-1, 6], "data": [0.0] * 7}), 400, "as many numbers"),
    ("v2 type", v2({"datatype": "FP64"}), 400, "must be FP32. Received: 'FP64'"),
    ("v2 name", v2({"name": "y"}), 400, r"must be \['x'\]. Received: 'y'"),
    ("v2 output", v2({}, outputs=[{"name": "y"}]), 400, "must be .'reconstruction'."),
    ("v2 signature", v2({}, parameters={"signature_name": "x"}), 400, "must be one of"),
    ("v2 no object", {"path": "/v2/models/table/infer", "content": "[]"}, 422, ""),
    ("v2 no inputs", {"path": "/v2/models/table/infer", "content": "{}"}, 422, "inputs"),
    (
        "binary",
        {"path": "/v2/models/table/infer", "content": b"not json at all", "headers": BINARY},
        400,
        "",
    ),
    ("binary shape", binary(shape=7), 400, "protocol"),
    ("binary name", binary(name=[]), 400, "protocol"),
    ("binary size", binary(parameters={"binary_data_size": "x"}), 400, "protocol"),
    ("binary rows", binary(shape=[2, 6]), 400, "as many numbers"),
    ("v2 truth", v2({"data": [True] * 6}), 400, "as many numbers|must hold"),
    ("overflow", v1('{"signature_name": "score", "instances": [[1e30,1,1,1,1,1]]}'), 400, "finite"),
    ("unload", {"path": "/v2/repository/models/table/unload", "content": ""}, 400, "folder"),
]


@pytest.mark.parametrize(
    ("request_", "status", "words"), [b[1:] for b in BAD], ids=[b[0] for b in BAD]
)
def test_bad_requests_are_answered_with_what_must_hold(
    server: Running, request_: dict[str, Any], status: int, words: str
) -> None:
    headers = {"Content-Type": "application/json", **request_.get("headers", {})}
    if "Inference-Header-Content-Length" in headers:
        headers["Content-Type"] = "application/octet-stream"
    answer = httpx.post(
        f"{server.http}{request_['path']}", content=request_["content"], headers=headers
    )
    assert answer.status_code == status, answer.text
    assert re.search(words, answer.text), answer.text


def test_bad_requests_over_grpc_have_their_status(server: Running) -> None:
    for name, call, status in [
        ("table", {"x": np.zeros((1, 5))}, "INVALID_ARGUMENT"),
        ("table", {"y": np.zeros((1, 6))}, "INVALID_ARGUMENT"),
        ("table", {"x": np.full((1, 6), np.nan)}, "INVALID_ARGUMENT"),
        ("table", {"x": np.zeros((200_000, 6))}, "RESOURCE_EXHAUSTED"),
        ("none", {"x": np.zeros((1, 6))}, "NOT_FOUND"),
    ]:
        with Client(server.grpc, name) as client, pytest.raises(ServingError) as caught:
            client.predict("score", **call)
        assert caught.value.status == status
    for wrong in (8, -1):
        with (
            Client(server.grpc, "quantized") as client,
            pytest.raises(ServingError, match="is not in .0, 8."),
        ):
            client.decode_indices(np.full((1, 4), wrong))


@pytest.mark.slow
def test_a_new_version_is_served_when_it_appears_and_a_broken_one_is_not(
    server: Running, models: dict[str, Any]
) -> None:
    base = server.repository / "table"
    x = np.random.default_rng(0).random((2, 6), dtype="float32")
    half = base / "7"
    half.mkdir()
    shutil.copy(base / "1" / "saved_model.pb", half / "saved_model.pb")
    server.wait_for("table 7: not served")
    partial = base / "8"
    shutil.copytree(base / "1", partial)
    (partial / "variables" / "variables.data-00000-of-00001").write_bytes(b"")
    server.wait_for("table 8: not served: a version must be whole and unchanged")
    models["table"].export(base / "9")
    server.wait_for("table 9: served")
    with Client(server.http, "table") as client:
        np.testing.assert_allclose(client.score(x), models["table"].score(x), rtol=1e-5)
    with Client(server.http, "table", version=7) as client, pytest.raises(ServingError):
        client.score(x)
    for version in ("7", "8", "9"):
        # At once: a look at a folder that is half deleted would find a damaged version.
        (base / version).rename(base.parent / f".gone-{version}")
        shutil.rmtree(base.parent / f".gone-{version}")
    server.wait_for("table 9: gone")
    with Client(server.grpc, "table", version=1) as client:
        assert client.score(x).shape == (2,)


@pytest.mark.slow
def test_requests_in_flight_are_answered_when_the_server_is_asked_to_end(
    repository: Path, tmp_path: Path
) -> None:
    running = start(repository, tmp_path, "--threads", "1")
    x = np.random.default_rng(0).random((60_000, 8, 8, 1), dtype="float32")  # 15 MB
    results: list[Any] = []

    def ask(way: str) -> None:
        with Client(way, "images", timeout=60) as client:
            try:
                results.append(client.score(x).shape)
            except ServingError as error:
                results.append(error)

    ways = (running.http, running.grpc) * 4
    threads = [threading.Thread(target=ask, args=(way,)) for way in ways]
    for thread in threads:
        thread.start()
    time.sleep(1.0)  # the requests have arrived; one after another is computed
    answered = len(results)
    assert running.stop() == 0
    for thread in threads:
        thread.join()
    assert results == [(60_000,)] * len(ways)
    assert answered < len(ways)
    assert "stopping" in running.log.read_text()


@pytest.mark.slow
def test_connections_that_are_kept_open_lose_nothing_at_the_end(
    repository: Path, tmp_path: Path
) -> None:
    running = start(repository, tmp_path)
    x = np.random.default_rng(0).random((4, 6), dtype="float32")
    lost: list[Exception] = []
    stopping = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=running.http, timeout=30) as connection:
            while not stopping.is_set():
                try:
                    body = {"instances": x.tolist()}
                    answer = connection.post("/v1/models/table:predict", json=body)
                    assert answer.status_code == 200
                except httpx.ConnectError:  # a new connection, which nobody takes any more
                    return
                except Exception as error:
                    lost.append(error)
                    return

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    time.sleep(1.0)
    assert running.stop() == 0
    stopping.set()
    for thread in threads:
        thread.join()
    assert lost == []


def test_missing_entries_may_be_sent_over_every_way(missing: tuple[Running, Any]) -> None:
    running, model = missing
    x = np.array([[np.nan, 1.0, 2.0, 3.0, 4.0]], "float32")
    for protocol, way in [("tfs", running.http), ("v2", running.http), ("v2", running.grpc)]:
        with Client(way, "holes", protocol=protocol) as client:
            np.testing.assert_allclose(client.score(x), model.score(x), rtol=1e-5)
            with pytest.raises(ServingError, match="must be finite"):
                client.decode(np.full((1, 2), np.nan))


@pytest.fixture
def missing(server: Running) -> Iterator[tuple[Running, Any]]:
    """The server, with a model that masks NaN."""
    model = with_missing_entries()
    model.adapt(np.random.default_rng(0).random((9, 5), dtype="float32"))
    model.export(server.repository / "holes" / "1")
    server.wait_for("holes 1: served")
    yield server, model
    shutil.rmtree(server.repository / "holes")


def test_a_folder_without_models_and_a_taken_port_are_named(
    repository: Path, tmp_path: Path
) -> None:
    at = engine.Address(port=0, grpc_port=0)
    with pytest.raises(ValueError, match="must hold NAME/VERSION/saved_model.pb"):
        engine.serve(tmp_path, at, 1.0, print)
    with pytest.raises(ValueError, match="must be a folder"):
        engine.serve(tmp_path / "none", at, 1.0, print)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        at = engine.Address(port=taken.getsockname()[1], grpc_port=0)
        with pytest.raises(OSError, match="a port must be free. Received: 127.0.0.1"):
            engine.serve(repository, at, 1.0, print)


def test_options_must_be_above_zero(repository: Path) -> None:
    for option in ("--poll", "--threads", "--max-megabytes"):
        with pytest.raises(ValueError, match=f"`{option}` must be above 0"):
            serve.main([str(repository), option, "0"], standalone_mode=False)
    assert isinstance(serve, click.Command)
