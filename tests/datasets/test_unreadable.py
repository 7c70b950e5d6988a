from __future__ import annotations

from pathlib import Path

import pytest

from keras_ae.datasets.unreadable import unreadable


@pytest.mark.parametrize(
    ("error", "reason"),
    [("short", "short"), (OSError("first\nsecond"), "first"), (EOFError(), "EOFError")],
)
def test_the_reason_is_one_line(error: Exception | str, reason: str) -> None:
    message = str(unreadable(Path("folder/a.gz"), "a whole file", error))
    assert message == (
        f"a.gz must be a whole file. Received: folder/a.gz, which cannot be read ({reason})"
    )
