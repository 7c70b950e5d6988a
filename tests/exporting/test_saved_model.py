from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import keras_ae
from keras_ae.exporting import ExportReport, parity, worker


@pytest.fixture(scope="module")
def model() -> Any:
    return keras_ae.create(
        "vq_vae", input_shape=(6, 5, 1), latent_dim=3, num_codes=8, hidden=[4], encoder="conv"
    )


@pytest.fixture(scope="module")
def exported(model: Any, tmp_path_factory: pytest.TempPathFactory) -> ExportReport:
    report: ExportReport = model.export(tmp_path_factory.mktemp("served") / "ae" / "1")
    return report


@pytest.fixture(scope="module")
def loaded(exported: ExportReport) -> Any:
    import tensorflow as tf

    return tf.saved_model.load(str(exported.path))


def test_every_signature_equals_the_model(exported: ExportReport) -> None:
    assert set(exported.parity) == set(parity.SIGNATURES)
    assert max(exported.parity.values()) <= parity.TOLERANCE
    assert [p.name for p in exported.path.parent.iterdir()] == ["1"]
    assert (exported.path / "assets.extra" / "model.keras").is_file()


@pytest.mark.parametrize("rows", [1, 2, 11])
def test_any_number_of_rows_is_served(model: Any, loaded: Any, rows: int) -> None:
    x = np.random.default_rng(rows).random((rows, 6, 5, 1), dtype="float32")
    served = loaded.signatures["serving_default"](x=x)["reconstruction"].numpy()
    np.testing.assert_allclose(served, model.reconstruct(x), rtol=1e-5, atol=1e-5)
    assert loaded.signatures["score"](x=x)["score"].shape == (rows,)


def test_a_wrong_shape_is_refused_by_the_graph(loaded: Any) -> None:
    import tensorflow as tf

    with pytest.raises(tf.errors.InvalidArgumentError):
        loaded.signatures["encode"](x=tf.zeros((2, 1, 1, 1)))


def operations(signature: Any) -> set[str]:
    """Return the names of a graph's operations, those in the functions it calls included."""
    graph = signature.graph.as_graph_def()
    bodies = [graph.node, *(function.node_def for function in graph.library.function)]
    return {node.op for body in bodies for node in body}


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the process that writes it runs TensorFlow"
)
def test_no_random_operation_is_in_the_graph(tmp_path: Path) -> None:
    import tensorflow as tf

    vae = keras_ae.create("vae", input_shape=(6,), latent_dim=3, corruption="gaussian_noise")
    worker.write(vae, tmp_path / "1")
    signatures = tf.saved_model.load(str(tmp_path / "1")).signatures
    for name in parity.SIGNATURES:
        assert "MatMul" in operations(signatures[name])
        assert not [op for op in operations(signatures[name]) if "Random" in op]


@pytest.mark.parametrize("name", list(parity.SIGNATURES))
def test_a_difference_is_measured_in_its_own_signature(
    model: Any, exported: ExportReport, name: str
) -> None:
    probe = parity.probe(model)
    altered = probe[f"{name}/output"].copy()
    altered[6] += 0.5  # a row that only the largest batch has
    probe[f"{name}/output"] = altered
    measured = worker.measure(exported.path, probe)
    assert measured.pop(name) == pytest.approx(
        np.max(0.5 / np.maximum(1, abs(altered[6]))), rel=1e-3
    )
    assert max(measured.values()) <= parity.TOLERANCE


def test_a_version_is_never_overwritten(model: Any, exported: ExportReport) -> None:
    with pytest.raises(ValueError, match="A version is never overwritten"):
        model.export(exported.path)


@pytest.mark.slow
def test_a_copy_that_differs_from_its_model_is_refused_and_nothing_is_left(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = parity.probe(model)
    probe["score/output"] = probe["score/output"] * 1.001
    monkeypatch.setattr(parity, "probe", lambda model: probe)
    with pytest.raises(ValueError, match="must equal its model.* in signature 'score'"):
        model.export(tmp_path / "ae" / "1")
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.slow
def test_a_child_that_fails_says_why_and_leaves_nothing(model: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No module named 'not_there'"):
        model.export(tmp_path / "ae" / "1", modules=["not_there"])
    assert list(tmp_path.rglob("*")) == []


def test_without_tensorflow_the_fix_is_named(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="tensorflow-cpu"):
        model.export(tmp_path / "1")


@pytest.mark.parametrize("name", list(parity.SIGNATURES))
def test_the_c_api_serves_it_without_python_of_ours(
    model: Any, exported: ExportReport, tmp_path: Path, name: str
) -> None:
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2

    bundle = saved_model_pb2.SavedModel.FromString((exported.path / "saved_model.pb").read_bytes())
    signature = bundle.meta_graphs[0].signature_def[name]
    role_in, role_out = parity.SIGNATURES[name]
    probe = parity.probe(model, seed=1)
    np.save(tmp_path / "input.npy", probe[f"{name}/input"])
    child = subprocess.run(
        [
            *(sys.executable, str(Path(__file__).parent / "c_api.py"), str(exported.path)),
            *(str(Path(tf.__file__).parent), signature.inputs[role_in].name),
            *(signature.outputs[role_out].name, "input.npy", "output.npy"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout.strip() == "[]"  # neither tensorflow nor keras was imported
    served = np.load(tmp_path / "output.npy")
    assert parity.difference(served, probe[f"{name}/output"]) <= parity.TOLERANCE
