"""What a client raises when a server refuses, or does not answer."""

from __future__ import annotations


class ServingError(RuntimeError):
    """A request that was not answered.

    Attributes:
        status: The HTTP status, or the name of gRPC's; "unreachable" where no server answered.
    """

    def __init__(self, status: int | str, message: str) -> None:
        super().__init__(f"{message} ({status})")
        self.status = status
