from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from keras_ae.serving.gate import Gate, rewritten


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/models/ae:predict", "/v1/models/ae:predict"),
        ("/v1/models/ae/versions/3:predict", "/v1/models/ae@3:predict"),
        ("/v1/models/ae/labels/stable:predict", "/v1/models/ae@stable:predict"),
        ("/v1/models/ae/versions/3", "/v1/models/ae@3"),
        ("/v2/models/ae/versions/3/infer", "/v2/models/ae@3/infer"),
        ("/v2/models/ae/versions/3/ready", "/v2/models/ae@3/ready"),
        ("/v2/models/ae@3/infer", "/v2/models/ae@3/infer"),
        ("/metrics", "/metrics"),
    ],
)
def test_versions_and_labels_become_part_of_the_name(path: str, expected: str) -> None:
    assert rewritten(path) == expected


def through(
    parts: list[bytes], declared: bytes | None, most: int = 10, ending: bool = False
) -> tuple[list[bytes], list[dict[str, Any]]]:
    """Send a body through the gate; return what the application saw and what was sent back."""
    seen: list[bytes] = []
    sent: list[dict[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            seen.append(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200})

    queue = [
        {"type": "http.request", "body": part, "more_body": i < len(parts) - 1}
        for i, part in enumerate(parts)
    ]

    async def receive() -> Any:
        return queue.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [] if declared is None else [(b"content-length", declared)]
    scope = {"type": "http", "path": "/v1/models/ae:predict", "headers": headers}
    event = threading.Event()
    if ending:
        event.set()
    asyncio.run(Gate(application, most, event)(scope, receive, send))
    return seen, sent


def test_a_body_within_the_limit_arrives_in_its_order() -> None:
    seen, sent = through([b"12345", b"67890"], b"10")
    assert seen == [b"12345", b"67890"]
    assert sent[0]["status"] == 200


@pytest.mark.parametrize(
    ("parts", "declared"),
    [
        ([b""], b"11"),
        ([b"12345", b"678901"], None),  # in chunks, its size not declared
        ([b"12345678901"], b"1"),
        ([b""], b"-1"),
        ([b""], b"many"),
    ],
)
def test_a_larger_body_is_refused_before_it_is_read_to_the_end(
    parts: list[bytes], declared: bytes | None
) -> None:
    seen, sent = through(parts, declared)
    assert seen == []
    assert sent[0]["status"] == 413
    assert b"at most 10 bytes" in sent[1]["body"]


def test_at_the_end_every_answer_closes_its_connection() -> None:
    assert "headers" not in through([b"1"], b"1")[1][0]
    (started,) = through([b"1"], b"1", ending=True)[1]
    assert started["headers"] == [(b"connection", b"close")]
