from __future__ import annotations

from pathlib import Path

import pytest

from keras_ae.repository import publishing


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "repo" / "ae" / "1"
    with publishing.staging_for(target) as staging:
        made = staging / "version"
        made.mkdir()
        (made / "file").write_text("whole")
        assert not target.exists()
        publishing.publish(made, target)
    assert (target / "file").read_text() == "whole"
    assert [p.name for p in target.parent.iterdir()] == ["1"]


def test_an_error_leaves_nothing_not_even_new_parents(tmp_path: Path) -> None:
    def fail() -> None:
        with publishing.staging_for(tmp_path / "repo" / "ae" / "1") as staging:
            (staging / "half").write_text("")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    with (
        pytest.raises(ValueError, match="A version is never overwritten"),
        publishing.staging_for(tmp_path / "1"),
    ):
        pass


def test_the_second_of_two_at_once_is_refused(tmp_path: Path) -> None:
    with publishing.staging_for(tmp_path / "1") as staging:
        made = staging / "version"
        made.mkdir()
        (made / "file").write_text("second")
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "file").write_text("first")
        with pytest.raises(ValueError, match="which exists"):
            publishing.publish(made, tmp_path / "1")
    assert (tmp_path / "1" / "file").read_text() == "first"


def test_what_a_killed_process_left_is_removed_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "YOUNG", 0.0)
    abandoned = tmp_path / f"{publishing.STAGING}abc"  # nobody holds its lock
    abandoned.mkdir()
    (abandoned / "half").write_text("")
    with publishing.staging_for(tmp_path / "1") as held:
        with publishing.staging_for(tmp_path / "2"):
            assert not abandoned.exists()
            assert held.exists()
        assert list(tmp_path.iterdir()) == [held]


def test_a_folder_that_was_made_this_minute_may_not_be_locked_yet(tmp_path: Path) -> None:
    young = tmp_path / f"{publishing.STAGING}abc"
    young.mkdir()
    with publishing.staging_for(tmp_path / "1"):
        assert young.exists()


def test_a_target_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OSError, match="needs a folder that can be written. Received: .*file"),
        publishing.staging_for(tmp_path / "file" / "1"),
    ):
        pass
