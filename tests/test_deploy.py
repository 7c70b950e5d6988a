"""What `deploy/` holds is valid, agrees with the repository's files, and its smoke test works."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import keras
import kubernetes_validate
import pytest
import yaml

from keras_ae.repository import config
from tests.serving import stub

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
VERSION = ROOT / "saved_models" / "digits_vae" / "2"

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="these files are the same on every backend"
)

TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
SERVICE: dict[str, Any] = {
    "type": "object",
    "required": ["image", "command", "ports", "volumes"],
    "additionalProperties": False,
    "properties": {
        "image": {"type": "string", "pattern": r"^tensorflow/serving:\d+\.\d+\.\d+$"},
        "command": TEXTS,
        "ports": {"type": "array", "items": {"pattern": r"^127\.0\.0\.1:\d+:\d+$"}},
        "volumes": TEXTS,
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "stop_grace_period": {"type": "string", "pattern": r"^\d+s$"},
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "deploy": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"resources": {"type": "object"}},
        },
    },
}
COMPOSE = {
    "type": "object",
    "required": ["services"],
    "additionalProperties": False,
    "properties": {"services": {"type": "object", "additionalProperties": SERVICE}},
}
"""Those keys of the compose specification that the file uses."""


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def flags_of(name: str) -> list[str]:
    if name == "compose.yaml":
        flags: list[str] = documents(name)[0]["services"]["serving"]["command"]
        return flags
    deployment = documents(name)[1]
    found: list[str] = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    return found


def test_the_kubernetes_manifest_is_valid() -> None:
    found = documents("kubernetes/tensorflow_serving.yaml")
    for document in found:
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
    assert [d["kind"] for d in found] == ["PersistentVolumeClaim", "Deployment", "Service"]


def test_a_mistake_in_the_manifest_would_be_found() -> None:
    document = documents("kubernetes/tensorflow_serving.yaml")[1]
    document["spec"]["template"]["spec"]["containers"][0]["arguments"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def unknown(value: Any, cls: str) -> list[str]:
    """Return keys that KServe's or Kubernetes's own classes do not have."""
    import kserve
    from kubernetes import client

    made = getattr(kserve, cls, None) or getattr(client, cls, None)
    if made is None or not hasattr(made, "attribute_map"):
        return []
    types = {key: made.openapi_types[name] for name, key in made.attribute_map.items()}
    found = [f"{cls}.{key}" for key in value if key not in types]
    for key, inner in value.items():
        if isinstance(inner, dict) and key in types:
            found += unknown(inner, types[key])
    return found


def test_the_inference_service_has_kserves_own_fields() -> None:
    (document,) = documents("kubernetes/inference_service.yaml")
    assert unknown(document, "V1beta1InferenceService") == []
    document["spec"]["predictor"]["model"]["storageUrl"] = ""
    assert unknown(document, "V1beta1InferenceService") == ["V1beta1ModelSpec.storageUrl"]


def test_the_compose_file_is_valid() -> None:
    jsonschema.validate(documents("compose.yaml")[0], COMPOSE)


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes/tensorflow_serving.yaml"])
def test_the_flags_name_files_that_an_export_writes(name: str) -> None:
    flags = dict(flag.removeprefix("--").split("=") for flag in flags_of(name))
    files = {value for value in flags.values() if value.startswith("/")}
    written = {config.MODELS, *config.SETTINGS}
    assert all((ROOT / "saved_models" / file).is_file() for file in written)
    # With batching the server would take no inputs without rows, as `sample_seeded` has.
    assert files == {f"{config.MOUNTED}/{file}" for file in written - {"batching.config"}}
    # Labels stand in models.config, and no version is loaded when the server starts.
    assert flags["allow_version_labels_for_unavailable_models"] == "true"
    text = (ROOT / "docs" / "serving.md").read_text()
    assert all(f"--{flag}" in text for flag in flags if flag != "enable_model_warmup")


def test_all_name_one_image() -> None:
    pages = [DEPLOY / "compose.yaml", DEPLOY / "kubernetes" / "tensorflow_serving.yaml"]
    pages.append(ROOT / "docs" / "serving.md")
    found = [set(re.findall(r"tensorflow/serving:[\d.]+\d", page.read_text())) for page in pages]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 1


def smoke(url: str, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(DEPLOY / "smoke_test.py"), url, str(folder), *more],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_smoke_test_passes_over_both_ways_and_fails_where_it_must() -> None:
    with stub.running(VERSION, {"stable": 2}) as addresses:
        for address in addresses:
            done = smoke(address, VERSION)
            assert done.returncode == 0, done.stdout + done.stderr
            assert "sample_seeded, 3 rows" in done.stdout
        other = smoke(addresses[0], VERSION.with_name("1"))
        assert other.returncode == 1
        assert "does not offer digits_vae, version 1" in other.stderr


def test_the_smoke_test_sees_a_difference() -> None:
    spec = importlib.util.spec_from_file_location("smoke_test", DEPLOY / "smoke_test.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    class Wrong:
        def predict(self, name: str, **inputs: Any) -> Any:
            if name == "score" and inputs["x"].shape[1:] == (1,):
                raise module.ServingError(400, "no")
            outputs = version.run(version.function(name), inputs)
            return {key: value + (name == "encode") * 1e-3 for key, value in outputs.items()}

    version = module.Version("digits_vae", 2, VERSION)
    wrong = module.check(Wrong(), version)
    assert len(wrong) == 3
    assert all(line.startswith("encode, ") for line in wrong)
