"""What every REST request passes first: addresses of versions, and the size of bodies."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

VERSIONED = re.compile(
    r"(?P<start>/v[12]/models/)(?P<name>[^/:@]+)/(?:versions|labels)/(?P<which>[^/:]+)(?P<rest>.*)"
)


class Gate:
    """An ASGI application before another.

    Once `ending` is set every answer asks its sender to close the connection, so that no further
    request is on its way when the server closes it.

    TensorFlow Serving's `/v1/models/NAME/versions/3:predict` and `/labels/stable:predict`, and the
    Open Inference Protocol's `/v2/models/NAME/versions/3/infer`, become the name `NAME@3`. A body
    above `most_bytes` is answered with 413.

    Args:
        app: The application behind it.
        most_bytes: Size of a body, at most.
        ending: Whether the server is about to end.
    """

    def __init__(self, app: Any, most_bytes: int, ending: threading.Event) -> None:
        self.app, self.most_bytes, self.ending = app, most_bytes, ending

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = rewritten(scope["path"])
        scope = {**scope, "path": path, "raw_path": path.encode()}
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self.most_bytes:
            await self._refuse(send)
            return
        messages, size = [], 0
        while True:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if size > self.most_bytes:
                await self._refuse(send)
                return
            if not message.get("more_body"):
                break
        messages.reverse()

        async def replay() -> Any:
            return messages.pop() if messages else await receive()

        async def answer(message: Any) -> None:
            if self.ending.is_set() and message["type"] == "http.response.start":
                headers = [*message.get("headers", []), (b"connection", b"close")]
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, replay, answer)

    async def _refuse(self, send: Any) -> None:
        text = f"a request must have at most {self.most_bytes} bytes. Send fewer rows at a time."
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        body = json.dumps({"error": text}).encode()
        await send({"type": "http.response.body", "body": body})


def rewritten(path: str) -> str:
    """Return a path in which a version or a label is part of the model's name."""
    found = VERSIONED.fullmatch(path)
    if found is None:
        return path
    return f"{found['start']}{found['name']}@{found['which']}{found['rest']}"
