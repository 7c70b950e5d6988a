"""How much memory a training takes on files larger than what it may take."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import keras_ae

CHILD = """
import sys, threading, time
import keras, numpy as np
import keras_ae

def anonymous():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) / 1024

def fit(x, **options):
    model = keras_ae.create(
        "autoencoder", input_shape=(256,), latent_dim=4, hidden=[16], normalize="minmax"
    )
    model.compile("adam")
    model.fit(x, epochs=1, verbose=0, **options)
    return model

path = sys.argv[1]
if path.endswith(".npy"):
    x, options = np.load(path, mmap_mode="r"), {"batch_size": 512, "validation_split": 0.1}
else:
    x, options = keras_ae.datasets.ParquetBatches(path, batch_size=512), {}
# What a first training costs, whatever its data.
fit(np.zeros((60_000, 256), "float32"), batch_size=512)
start = peak = anonymous()
done = threading.Event()

def watch():
    global peak
    while not done.wait(0.005):
        peak = max(peak, anonymous())

watcher = threading.Thread(target=watch)
watcher.start()
try:
    model = fit(x, **options)
    if path.endswith(".npy"):
        model.evaluate(x, batch_size=4096, verbose=0)
finally:
    done.set()
    watcher.join()
print(peak - start)
"""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads Linux's account of memory"
)


def growth(path: Path) -> float:
    """Return by how many MiB a process's own memory grows while it trains on a file."""
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, env=os.environ
    )
    assert child.returncode == 0, child.stderr
    return float(child.stdout.splitlines()[-1])


def write_npy(path: Path, rows: int, dtype: str = "float32") -> float:
    """Write rows of zeros, which take no place on a disk; return their MiB."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(rows, 256))
    return array.nbytes / 2**20


def write_parquet(path: Path, rows: int) -> float:
    """Write rows of which a file has few bytes but a reader many; return their MiB in memory."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    group = {f"c{n}": np.full(8192, n / 256, "float32") for n in range(256)}
    table = pyarrow.table(group)
    with parquet.ParquetWriter(path, table.schema) as writer:
        for _ in range(rows // 8192):
            writer.write_table(table)
    return rows // 8192 * 8192 * 256 * 4 / 2**20


def test_arrays_of_numpys_stay_small_while_a_mapped_file_trains(tmp_path: Path) -> None:
    assert write_npy(tmp_path / "x.npy", 150_000) > 140
    model = keras_ae.create("autoencoder", input_shape=(256,), latent_dim=2, hidden=[4])
    model.compile("adam")
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    tracemalloc.start()
    try:
        model.fit(x, batch_size=2048, validation_split=0.2, verbose=0)
        assert tracemalloc.get_traced_memory()[1] < 70 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_mapped_file_of_a_gigabyte_trains_in_less_than_300_mib(
    dtype: str, tmp_path: Path
) -> None:
    rows = {"float32": 1_100_000, "float64": 550_000}[dtype]
    assert write_npy(tmp_path / "x.npy", rows, dtype) > 1024
    assert growth(tmp_path / "x.npy") < 300


@pytest.mark.slow
def test_a_table_of_a_gigabyte_trains_in_less_than_300_mib(tmp_path: Path) -> None:
    assert write_parquet(tmp_path / "x.parquet", 1_100_000) > 1024
    assert growth(tmp_path / "x.parquet") < 300
