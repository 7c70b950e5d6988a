"""The local server beside calling the SavedModel in the process: requests per second and latency.

`python -m benchmarks.serving --out docs/benchmarks/serving.json` exports three models, starts
`keras-ae serve` on them, and asks it over each protocol with 1, 8 and 32 connections and 1 and 32
rows. The identity is the null model: what it takes is the stack's own cost. Clients are threads of
this process and share the machine's cores with the server. `--soak MINUTES` asks for everything at
once over 8 connections, compares every answer, and watches the server's memory.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import origin

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs" / "serving.md"
START, END = "<!-- measured by benchmarks/serving.py -->", "<!-- end -->"
COMMAND = Path(sys.executable).with_name("keras-ae")
SHAPES = {"identity": (32,), "table": (32,), "images": (28, 28, 1)}
CONNECTIONS, ROWS = (1, 8, 32), (1, 32)
WAYS = {"V2 gRPC": ("v2", "grpc"), "V2 REST": ("v2", "http"), "V1 REST": ("tfs", "http")}
Ask = Callable[[np.ndarray], np.ndarray]


def export(root: Path) -> None:
    """Write a table's VAE, a convolutional one of images, and the identity."""
    import tensorflow as tf

    import keras_ae

    table = keras_ae.create("vae", input_shape=SHAPES["table"], latent_dim=8, hidden=[64, 32])
    keras_ae.export(table, root / "table" / "1")
    images = keras_ae.create(
        "vae", input_shape=SHAPES["images"], latent_dim=16, encoder="conv", hidden=[32, 64]
    )
    keras_ae.export(images, root / "images" / "1")
    null = tf.Module()
    spec = tf.TensorSpec((None, *SHAPES["identity"]), tf.float32, name="x")
    null.call = tf.function(lambda x: {"score": tf.identity(x[:, 0])}, input_signature=[spec])
    tf.saved_model.save(null, str(root / "identity" / "1"), signatures={"score": null.call})


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@contextmanager
def server(root: Path) -> Iterator[tuple[dict[str, str], int]]:
    """Run the server; give its addresses and its process's number."""
    http, grpc = free_port(), free_port()
    command = [str(COMMAND), "serve", str(root), "--port", str(http), "--grpc-port", str(grpc)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for line in process.stderr or []:
        if line.startswith("listening"):
            break
    else:
        raise SystemExit("the server did not start")
    drain = threading.Thread(target=lambda: list(process.stderr or []), daemon=True)
    drain.start()
    try:
        yield {"http": f"http://127.0.0.1:{http}", "grpc": f"grpc://127.0.0.1:{grpc}"}, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def asking(addresses: dict[str, str], way: str, model: str) -> Ask:
    """Return what asks the server for scores, over a connection of its own."""
    from keras_ae.serving import Client

    protocol, scheme = WAYS[way]
    return Client(addresses[scheme], model, protocol=protocol).score


def calling(root: Path, model: str) -> Ask:
    """Return what calls the SavedModel in this process."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(root / model / "1"))
    call = loaded.signatures["score"]
    return lambda x, _=loaded: call(x=tf.constant(x))["score"].numpy()


def load(
    make: Callable[[], Ask], connections: int, x: np.ndarray, seconds: float
) -> dict[str, Any]:
    """Ask over several connections at once for some seconds; return rate and latencies."""
    asks = [make() for _ in range(connections)]
    for ask in asks:
        ask(x)
    latencies: list[list[float]] = [[] for _ in asks]
    until = time.perf_counter() + seconds

    def repeat(ask: Ask, found: list[float]) -> None:
        while (start := time.perf_counter()) < until:
            ask(x)
            found.append(time.perf_counter() - start)

    threads = [
        threading.Thread(target=repeat, args=pair) for pair in zip(asks, latencies, strict=True)
    ]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begun
    times = sorted(itertools.chain.from_iterable(latencies))
    cuts = statistics.quantiles(times, n=100)
    return {
        "requests_per_second": len(times) / took,
        "p50_ms": 1e3 * cuts[49],
        "p99_ms": 1e3 * cuts[98],
        "requests": len(times),
    }


def measure(root: Path, seconds: float) -> list[dict[str, Any]]:
    """Measure all rows: model, rows, connections and way."""
    rng, lines = np.random.default_rng(0), []
    with server(root) as (addresses, _):
        for model, rows, connections in itertools.product(SHAPES, ROWS, CONNECTIONS):
            x = rng.random((rows, *SHAPES[model]), dtype="float32")
            ways: dict[str, Callable[[], Ask]] = {
                way: lambda way=way, model=model: asking(addresses, way, model) for way in WAYS
            }
            ways["in process"] = lambda model=model: calling(root, model)
            for way, make in ways.items():
                found = load(make, connections, x, seconds)
                line = {"model": model, "rows": rows, "connections": connections, "way": way}
                lines.append({**line, **found})
                print(json.dumps(lines[-1]), flush=True)
    return lines


def memory(pid: int) -> float:
    """Return the resident memory of a process, MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024  # type: ignore[index]


def soak(root: Path, minutes: float) -> dict[str, Any]:
    """Ask for everything at once over 8 connections, compare every answer, watch the memory."""
    rng = np.random.default_rng(0)
    cases = []
    for model in ("table", "images"):
        for rows in (1, 8, 32, 100):
            x = rng.random((rows, *SHAPES[model]), dtype="float32")
            cases.append((model, x, calling(root, model)(x)))
    done, wrong, lock = [0] * 8, [], threading.Lock()
    with server(root) as (addresses, pid):
        until = time.monotonic() + 60 * minutes

        def repeat(index: int) -> None:
            chance = random.Random(index)
            asks = {
                (way, model): asking(addresses, way, model)
                for way in WAYS
                for model in ("table", "images")
            }
            while time.monotonic() < until:
                model, x, expected = chance.choice(cases)
                way = chance.choice(list(WAYS))
                try:
                    found = asks[way, model](x)
                    is_right = np.allclose(found, expected, rtol=1e-5, atol=1e-5)
                except Exception as error:
                    is_right = False
                    print(way, model, type(error).__name__, error, flush=True)
                done[index] += 1
                if not is_right:
                    with lock:
                        wrong.append((way, model, len(x)))

        threads = [threading.Thread(target=repeat, args=(index,)) for index in range(len(done))]
        for thread in threads:
            thread.start()
        used = []
        while any(thread.is_alive() for thread in threads):
            used.append(memory(pid))
            print(f"{sum(done)} requests, {len(wrong)} wrong, {used[-1]:.0f} MB", flush=True)
            threads[0].join(min(60.0, 6 * minutes))
        for thread in threads:
            thread.join()
    third = max(1, len(used) // 3)
    return {
        "minutes": minutes,
        "connections": len(done),
        "requests": sum(done),
        "lost_or_wrong": len(wrong),
        "memory_mb": [round(m) for m in used],
        "growth_mb": statistics.mean(used[-third:]) - statistics.mean(used[third : 2 * third]),
    }


def table(found: dict[str, Any]) -> str:
    """Return the page's table: rate and latencies, and what the server adds to the call."""
    lines = found["rows"]
    direct = {
        (x["model"], x["rows"], x["connections"]): x for x in lines if x["way"] == "in process"
    }
    head = (
        "| model | rows | connections | way | requests/s | p50 ms | p99 ms | p50 above the call |"
    )
    rows = [head, "|---" * 8 + "|"]
    for x in lines:
        key = (x["model"], x["rows"], x["connections"])
        above = x["p50_ms"] - direct[key]["p50_ms"]
        rows.append(
            f"| {x['model']} | {x['rows']} | {x['connections']} | {x['way']} "
            f"| {x['requests_per_second']:.0f} | {x['p50_ms']:.2f} | {x['p99_ms']:.2f} "
            f"| {above:.2f} |"
        )
    if long := found.get("soak"):
        rows += [
            "",
            f"{long['minutes']:g} minutes of mixed load over {long['connections']} connections: "
            f"{long['requests']:,} requests, {long['lost_or_wrong']} lost or wrong; the server's "
            f"memory from {long['memory_mb'][1]} to {long['memory_mb'][-1]} MB (at commit "
            f"{long['commit']}).",
        ]
    return "\n".join([*rows, "", f"Taken at commit {found['commit']}, {found['machine']}."])


def main() -> None:
    """Measure, write the figures, and put them into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "serving.json")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each row")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="only this, in minutes")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    found = json.loads(options.out.read_text()) if options.out.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        export(Path(folder))
        gc.collect()
        gc.freeze()  # the libraries of this process are not the clients' cost
        if options.soak:
            found["soak"] = {**soak(Path(folder), options.soak), "commit": origin.commit()}
        else:
            found["rows"] = measure(Path(folder), options.seconds)
            found["commit"], found["machine"] = origin.commit(), origin.machine()
    options.out.write_text(json.dumps(found, indent=1) + "\n")
    if "rows" in found and DOCS.exists():
        new = f"{START}\n\n{table(found)}\n\n{END}"
        text = re.sub(f"{START}.*?{END}", lambda _: new, DOCS.read_text(), flags=re.DOTALL)
        DOCS.write_text(text)


if __name__ == "__main__":
    main()
