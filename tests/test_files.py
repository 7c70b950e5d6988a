from __future__ import annotations

from pathlib import Path

import pytest

from keras_ae.files import replacing


def test_a_file_is_whole_or_absent(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"

    def fail_halfway() -> None:
        with replacing(target) as partial:
            partial.write_text("half")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        fail_halfway()
    assert list(tmp_path.iterdir()) == []
    with replacing(target) as partial:
        partial.write_text("whole")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OSError, match=r"a file must be writable\. Received: .*a\.txt"),
        replacing(tmp_path / "file" / "a.txt") as partial,
    ):
        partial.write_text("")
