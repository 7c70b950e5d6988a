from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_ae.backend import distributed

BACKEND = keras.backend.backend()

PREPARE = """
import json, sys
import numpy as np
from keras import ops
import keras, keras_ae

X = np.random.default_rng(0).random((32, 6)).astype("float32")

def make(name):
    keras.utils.set_random_seed(0)
    options = {"num_codes": 4, "tokens": 2} if "vq" in name or "rq" in name else {}
    model = keras_ae.create(name, input_shape=(6,), latent_dim=2, hidden=[8], **options)
    for layer in model._flatten_layers():
        if hasattr(layer, "dead_code_threshold"):
            layer.dead_code_threshold = 0.0  # they move onto random rows
    model.compile(keras.optimizers.SGD(0.05))
    return model

def result(model, history):
    weights = {w.path: ops.convert_to_numpy(w).tolist() for w in model.weights}
    return {"history": history.history, "weights": weights}
"""

TENSORFLOW = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
batches = tf.data.Dataset.from_tensor_slices(X).batch(8)
one = make(sys.argv[1])
answers = [result(one, one.fit(batches, epochs=3, verbose=0))]
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    two = make(sys.argv[1])
answers.append(result(two, two.fit(batches, epochs=3, verbose=0)))
print(json.dumps(answers))
"""

REPLICAS = """
import json
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from keras_ae.backend import distributed

@tf.function
def step():
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    own = tf.constant([1.0, 10.0]) * (1.0 + tf.cast(replica, "float32"))
    functions = (
        distributed.scale_loss, distributed.sum_over_replicas, distributed.of_first_replica
    )
    return [function(own) for function in functions]

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
answers = map(strategy.experimental_local_results, strategy.run(step))
print(json.dumps([[value.numpy().tolist() for value in values] for values in answers]))
"""

REVIVAL = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    model = keras_ae.create(
        "vq_vae", input_shape=(6,), latent_dim=2, tokens=2, num_codes=20, dead_code_threshold=0.9
    )
    model.compile("adam")
table = model.bottleneck.table
before = table.sums.numpy().copy()
model.fit(tf.data.Dataset.from_tensor_slices(X).batch(8), epochs=2, verbose=0)
sums, counts = (
    [copy.numpy() for copy in v.value.values]
    for v in (table.sums, table.counts)
)
same = [np.array_equal(*sums), np.array_equal(*counts), not np.array_equal(sums[0], before)]
print(json.dumps(same))
"""

STRATEGIES = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
answers = []
for strategy in (
    tf.distribute.get_strategy(),
    tf.distribute.OneDeviceStrategy("CPU:0"),
    tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]),
):
    with strategy.scope():
        model = make("autoencoder")
        fit = {"epochs": 2, "batch_size": 8, "shuffle": False, "verbose": 0}
        history = model.fit(X, validation_data=X, **fit).history
        answers.append([*history["loss"], *history["val_loss"], model.evaluate(X, verbose=0)[0]])
print(json.dumps(answers))
"""

JAX = """
import jax
one = make(sys.argv[1])
fit = {"epochs": 3, "batch_size": 8, "shuffle": False, "verbose": 0}
answers = [result(one, one.fit(X, **fit))]
assert len(jax.devices()) == 2
keras.distribution.set_distribution(keras.distribution.DataParallel(devices=jax.devices()))
two = make(sys.argv[1])
answers.append(result(two, two.fit(X, **fit)))
print(json.dumps(answers))
"""

TORCH = """
import sys
import torch
from keras_ae.backend import distributed
rank = int(sys.argv[2])
torch.distributed.init_process_group(
    "gloo", init_method=f"file://{sys.argv[1]}", rank=rank, world_size=2
)
own = torch.tensor([1.0, 10.0]) * (rank + 1)
print(distributed.sum_over_replicas(own).tolist(), distributed.of_first_replica(own).tolist())
torch.distributed.destroy_process_group()
"""

CODES = """
import json, sys
import numpy as np
import torch
from keras import ops
from keras_ae.bottlenecks import ResidualQuantizer, VectorQuantizer
from keras_ae.callbacks import CodeUsage

rng = np.random.default_rng(0)
X = rng.normal(size=(24, 5, 2)).astype("float32")
there = rng.random((24, 5)) < 0.7
there[:12] = there[:12] & (sys.argv[3] != "one")  # of one process all is padding
rank = int(sys.argv[2])
if rank >= 0:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{sys.argv[1]}", rank=rank, world_size=2
    )
    X, there = (np.split(a, 2)[rank] for a in (X, there))
base = VectorQuantizer(8, 2, dead_code_threshold=float(sys.argv[4]))
quantizer, usage = ResidualQuantizer(base, 2), CodeUsage((8, 8), 2)
quantizer.build((None, 5, 2))
codes = np.random.default_rng(1).normal(size=(2, 8, 2)).astype("float32")
for part, level in zip(quantizer.parts, codes):
    part.table.put(level, np.ones(8, "float32"))
for _ in range(3):
    found = quantizer(ops.convert_to_tensor(X), training=True, mask=ops.convert_to_tensor(there))
    usage.update_state(found["indices"], found["signal"], found["errors"])
weights = [w for w in quantizer.weights if "seed" not in w.path]
state = {w.path: ops.convert_to_numpy(w).tolist() for w in weights}
print(json.dumps([state, {key: float(value) for key, value in usage.result().items()}]))
if rank >= 0:
    torch.distributed.destroy_process_group()
"""


def child(code: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(process: subprocess.Popen[str]) -> str:
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return out.splitlines()[-1]


@pytest.mark.skipif(BACKEND != "tensorflow", reason="is about TensorFlow's strategies")
def test_a_model_trains_and_is_measured_inside_a_scope() -> None:
    plain, one, two = json.loads(answer(child(PREPARE + STRATEGIES)))
    np.testing.assert_allclose(one, plain, rtol=1e-4)
    np.testing.assert_allclose(two, plain, rtol=1e-4)


def test_on_one_device_nothing_is_changed() -> None:
    value = keras.ops.convert_to_tensor([1.0, 2.0])
    for function in (
        distributed.scale_loss,
        distributed.sum_over_replicas,
        distributed.of_first_replica,
    ):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(function(value)), [1.0, 2.0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["autoencoder", "vq_vae", "rq_vae"])
@pytest.mark.skipif(BACKEND == "torch", reason="torch has processes: the tests below")
def test_two_devices_train_as_one(name: str) -> None:
    code = PREPARE + {"tensorflow": TENSORFLOW, "jax": JAX}[BACKEND]
    one, two = json.loads(answer(child(code, name)))
    for key, values in one["history"].items():  # how codes are used too
        assert two["history"][key] == pytest.approx(values, rel=1e-5), key
    for path, values in one["weights"].items():
        np.testing.assert_allclose(two["weights"][path], values, atol=1e-6, err_msg=path)


@pytest.mark.skipif(BACKEND != "torch", reason="is about torch's processes")
def test_torch_processes_share_sums_and_choices(tmp_path: Path) -> None:
    processes = [child(TORCH, str(tmp_path / "meeting"), str(rank)) for rank in range(2)]
    assert [answer(p) for p in processes] == ["[3.0, 30.0] [1.0, 10.0]"] * 2


@pytest.mark.slow
@pytest.mark.skipif(BACKEND != "torch", reason="is about torch's processes")
def test_torch_processes_move_codes_as_one_batch_does(tmp_path: Path) -> None:
    meeting = str(tmp_path / "meeting")
    processes = [child(CODES, meeting, str(rank), "both", "0") for rank in (-1, 0, 1)]
    (state, usage), *others = (json.loads(answer(p)) for p in processes)
    for other, used in others:
        assert used == pytest.approx(usage, rel=1e-5)
        for path, values in state.items():
            np.testing.assert_allclose(other[path], values, atol=1e-6, err_msg=path)


@pytest.mark.slow
@pytest.mark.parametrize("rows", ["both", "one"])
@pytest.mark.skipif(BACKEND != "torch", reason="is about torch's processes")
def test_torch_processes_put_dead_codes_onto_the_same_rows(rows: str, tmp_path: Path) -> None:
    meeting = str(tmp_path / "meeting")
    processes = [child(CODES, meeting, str(rank), rows, "0.9") for rank in (0, 1)]
    (first, _), (second, _) = (json.loads(answer(p)) for p in processes)
    assert first == second


@pytest.mark.skipif(BACKEND != "tensorflow", reason="is about tf.distribute")
def test_tensorflows_replicas_share_the_loss_sums_and_choices() -> None:
    shares, sums, choices = json.loads(answer(child(REPLICAS)))
    assert shares == [[0.5, 5.0], [1.0, 10.0]]
    assert sums == [[3.0, 30.0]] * 2
    assert choices == [[1.0, 10.0]] * 2


@pytest.mark.slow
@pytest.mark.skipif(BACKEND != "tensorflow", reason="is about tf.distribute")
def test_replicas_of_a_codebook_stay_the_same_when_dead_codes_move() -> None:
    assert answer(child(PREPARE + REVIVAL)) == "[true, true, true]"
