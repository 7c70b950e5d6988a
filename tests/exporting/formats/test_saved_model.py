from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_ae.exporting import parity
from keras_ae.exporting.formats import saved_model
from keras_ae.exporting.signatures import signatures_of
from tests.exporting.formats.models import MODELS, differences, of_backend
from tests.exporting.served import Refused, through_c

pytestmark = pytest.mark.skipif(not of_backend("tensorflow"), reason="TensorFlow writes it")


def operations(signature: Any) -> set[str]:
    """Return the names of a graph's operations, those in the functions it calls included."""
    graph = signature.graph.as_graph_def()
    bodies = [graph.node, *(function.node_def for function in graph.library.function)]
    return {node.op for body in bodies for node in body}


@pytest.mark.parametrize("name", list(MODELS))
def test_every_signature_equals_the_model_at_three_batch_sizes(name: str, tmp_path: Path) -> None:
    measured = differences(saved_model, MODELS[name](), tmp_path / "1")
    assert max(measured.values()) <= parity.TOLERANCE, measured


@pytest.mark.parametrize("name", ["vae", "images"])
def test_signatures_are_free_of_random_operations_and_of_state(name: str, tmp_path: Path) -> None:
    import tensorflow as tf

    model = MODELS[name]()
    signatures = signatures_of(model)
    saved_model.write(model, signatures, tmp_path / "1")
    loaded = tf.saved_model.load(str(tmp_path / "1")).signatures
    for signature in signatures:
        there = operations(loaded[signature.name])
        assert there & {"MatMul", "Conv2D", "Conv2DBackpropInput", "GatherV2"}, signature.name
        assert not [op for op in there if "Random" in op or "Assign" in op]
    random = operations(loaded[saved_model.SEEDED]) if name == "vae" else {"StatelessRandom"}
    assert [op for op in random if op.startswith("StatelessRandom")]


def test_a_wrong_shape_is_refused_by_the_graph_itself(tmp_path: Path) -> None:
    model = MODELS["missing"]()  # whose first operation broadcasts
    saved_model.write(model, signatures_of(model), tmp_path / "1")
    with pytest.raises(Refused, match="not compatible with expected shape"):
        through_c(tmp_path / "1", [("score", {"x": np.ones((2, 1), "float32")})], tmp_path)


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_out_of_range_is_refused_by_the_graph_itself(label: int, tmp_path: Path) -> None:
    model = MODELS["labelled"]()
    signatures = signatures_of(model)
    assert saved_model._sample(signatures) is None  # a seed tells no condition
    saved_model.write(model, signatures, tmp_path / "1")
    given = {"x": np.ones((2, 4), "float32"), "condition": np.array([2, label], "int32")}
    with pytest.raises(Refused, match="must be whole numbers from 0 to 2"):
        through_c(tmp_path / "1", [("score", given)], tmp_path)


def test_a_seed_gives_the_same_examples_and_another_seed_others(tmp_path: Path) -> None:
    import tensorflow as tf

    model = MODELS["vae"]()
    saved_model.write(model, signatures_of(model), tmp_path / "1")
    draw = tf.saved_model.load(str(tmp_path / "1")).signatures[saved_model.SEEDED]

    def drawn(seed: int, count: int) -> np.ndarray:
        examples: np.ndarray = draw(seed=tf.constant(seed), count=tf.constant(count))["sample"]
        return np.asarray(examples)

    np.testing.assert_array_equal(drawn(3, 5), drawn(3, 5))
    assert drawn(3, 5).shape == (5, 6)
    assert not np.allclose(drawn(3, 5), drawn(4, 5))
    assert np.unique(drawn(0, 64).round(4), axis=0).shape[0] == 64
    for count in (0, -1, saved_model.MAX_COUNT + 1):
        with pytest.raises(tf.errors.InvalidArgumentError, match="`count` must be from 1"):
            drawn(0, count)


def test_the_examples_of_seeds_are_the_models_own_distribution(tmp_path: Path) -> None:
    import tensorflow as tf

    model = MODELS["vae"]()
    saved_model.write(model, signatures_of(model), tmp_path / "1")
    draw = tf.saved_model.load(str(tmp_path / "1")).signatures[saved_model.SEEDED]
    served = np.asarray(draw(seed=tf.constant(0), count=tf.constant(4000))["sample"])
    own = model.sample(4000, seed=1)
    error = own.std(0) * np.sqrt(2 / 4000)
    assert (abs(served.mean(0) - own.mean(0)) < 5 * error).all()
    np.testing.assert_allclose(served.std(0), own.std(0), rtol=0.1)


def test_names_survive_a_second_export_in_one_process(tmp_path: Path) -> None:
    import tensorflow as tf

    for version in ("1", "2"):
        model = MODELS["images"]()
        saved_model.write(model, signatures_of(model), tmp_path / version)
    found = []
    for version in ("1", "2"):
        signatures = tf.saved_model.load(str(tmp_path / version)).signatures
        found.append(
            {
                name: (list(s.structured_input_signature[1]), list(s.structured_outputs))
                for name, s in signatures.items()
            }
        )
    assert found[0] == found[1]
    assert found[0]["encode_indices"] == (["x"], ["indices"])


def test_what_jax_writes_itself_the_server_would_not_run(tmp_path: Path) -> None:
    """The probe sees what it is there for: a graph of XLA's calls, which is disabled."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.float32, name="x")], jit_compile=True)
    def compiled(x: Any) -> Any:
        return {"y": x + 1.0}

    module = tf.Module()
    module.f = compiled
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"encode": module.f})
    with pytest.raises(Refused, match="[Cc]ompil"):
        through_c(tmp_path / "1", [("encode", {"x": np.ones((1, 2), "float32")})], tmp_path)
