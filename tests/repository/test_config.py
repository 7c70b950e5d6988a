from __future__ import annotations

from pathlib import Path

import pytest

from keras_ae.repository import config


def published(root: Path, name: str, version: int, *labels: str) -> None:
    (root / name / str(version)).mkdir(parents=True)
    config.register(root / name / str(version), labels)


def test_stable_stays_and_latest_moves(tmp_path: Path) -> None:
    published(tmp_path, "ae", 1)
    assert config.labels_of(tmp_path) == {"ae": {"stable": 1, "latest": 1}}
    published(tmp_path, "ae", 2)
    published(tmp_path, "ae", 3, "canary")
    published(tmp_path, "other", 5)
    assert config.labels_of(tmp_path) == {
        "ae": {"stable": 1, "latest": 3, "canary": 3},
        "other": {"stable": 5, "latest": 5},
    }
    published(tmp_path, "ae", 4, "stable")
    assert config.labels_of(tmp_path)["ae"] == {"stable": 4, "latest": 4, "canary": 3}


def test_the_config_is_what_the_servers_own_messages_say(tmp_path: Path) -> None:
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    published(tmp_path, "ae", 1)
    published(tmp_path, "ae", 2)
    text = (tmp_path / "models.config").read_text()
    read = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    (entry,) = read.model_config_list.config
    assert (entry.name, entry.base_path) == ("ae", "/models/ae")
    assert entry.model_platform == "tensorflow"
    assert list(entry.model_version_policy.specific.versions) == [1, 2]
    assert dict(entry.version_labels) == {"stable": 1, "latest": 2}


def test_an_older_version_written_later_is_not_the_latest(tmp_path: Path) -> None:
    published(tmp_path, "ae", 7)
    published(tmp_path, "ae", 3)
    assert config.labels_of(tmp_path)["ae"] == {"stable": 7, "latest": 7}


def test_a_label_of_a_version_that_is_gone_goes_too(tmp_path: Path) -> None:
    published(tmp_path, "ae", 1)
    published(tmp_path, "ae", 2)
    (tmp_path / "ae" / "1").rmdir()
    published(tmp_path, "ae", 3)
    assert config.labels_of(tmp_path)["ae"] == {"stable": 2, "latest": 3}


def test_what_was_served_without_labels_stays_stable(tmp_path: Path) -> None:
    (tmp_path / "ae" / "1").mkdir(parents=True)
    (tmp_path / "models.config").write_text(
        'model_config_list { config { name: "ae" base_path: "/models/ae" } }'
    )
    published(tmp_path, "ae", 2)
    assert config.labels_of(tmp_path)["ae"] == {"stable": 1, "latest": 2}


def test_entries_written_by_hand_are_kept(tmp_path: Path) -> None:
    (tmp_path / "models.config").write_text(
        'model_config_list { config { name: "theirs" base_path: "/elsewhere" '
        'model_platform: "tensorflow" model_version_policy { latest { num_versions: 2 } } } }'
    )
    published(tmp_path, "ae", 1)
    text = (tmp_path / "models.config").read_text()
    assert 'base_path: "/elsewhere"' in text
    assert "num_versions: 2" in text
    assert 'name: "ae"' in text


def test_a_config_that_would_lose_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "models.config").write_text('model_config_list { config { nam: "x" } }')
    with pytest.raises(ValueError, match=r"models.config must be.*nam.*Keep it under another name"):
        config.check_config(tmp_path)


def test_the_servers_settings_are_written_once(tmp_path: Path) -> None:
    published(tmp_path, "ae", 1)
    batching, monitoring = tmp_path / "batching.config", tmp_path / "monitoring.config"
    assert "allowed_batch_sizes: 32\n" in batching.read_text()
    assert 'path: "/monitoring/prometheus/metrics"' in monitoring.read_text()
    batching.write_text("mine")
    published(tmp_path, "ae", 2)
    assert batching.read_text() == "mine"
    assert {p.name for p in tmp_path.iterdir()} == {
        *("ae", "models.config", "batching.config", "monitoring.config")
    }
