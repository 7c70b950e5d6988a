"""What a client speaks: TensorFlow Serving's protocol and the Open Inference Protocol, two ways."""

from __future__ import annotations

from typing import Any

from keras_ae.naming import nearest
from keras_ae.serving.protocols import grpc, rest

PROTOCOLS: dict[tuple[str, str], Any] = {
    ("tfs", "http"): rest.TensorFlowServing,
    ("tfs", "grpc"): grpc.TensorFlowServing,
    ("v2", "http"): rest.OpenInference,
    ("v2", "grpc"): grpc.OpenInference,
}
"""(protocol, scheme of the address) -> what speaks it."""


def get(url: str, protocol: str, timeout: float) -> Any:
    """Return a connection to a server.

    Raises:
        ImportError: A package that the protocol needs is not installed.
        ValueError: The protocol or the address's scheme is unknown.
    """
    names = sorted({name for name, _ in PROTOCOLS})
    if protocol not in names:
        raise ValueError(
            f"`protocol` must be one of {names}. Received: {protocol!r}. {nearest(protocol, names)}"
        )
    scheme, mark, _ = url.partition("://")
    scheme = {"https": "http"}.get(scheme, scheme)
    if not mark or (protocol, scheme) not in PROTOCOLS:
        raise ValueError(
            f"a server's address must begin with http://, https:// or grpc://. Received: {url!r}"
        )
    return PROTOCOLS[protocol, scheme](url, timeout)


__all__ = ["PROTOCOLS", "get"]
