"""Times the rows on one framework: `python -m benchmarks.run --backend jax --out FILE.json`."""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.memory import peak_bytes, resident_bytes

ROUNDS = 7
SCORED_ROWS = 1_000_000
GROWTH = {"rows": (10_000, 100_000, 1_000_000), "width": (16, 64, 256, 1024, 4096)}
MIXED_ROWS, MIXED_WIDTHS = 6_400, (512, 2048)
# Scales at which a batch of stock `predict` may be best.
PREDICT_BATCHES = (1_024, 4_096, 16_384)


def main() -> None:
    """Time what was asked for and write it as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default=os.environ.get("KERAS_BACKEND", "tensorflow"))
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--rows", nargs="*", help="names of rows; all, scoring and growth too")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args()
    os.environ["KERAS_BACKEND"] = chosen.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    results = times(chosen.rows, chosen.rounds)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    part = chosen.out.with_suffix(".part")
    part.write_text(json.dumps(results, indent=1) + "\n")
    part.replace(chosen.out)


def times(names: list[str] | None, rounds: int) -> dict[str, Any]:
    """Return the figures of the rows of these names, or of all."""
    import keras

    from benchmarks import limit, origin
    from benchmarks.rows import ROWS

    rates = limit.matmul_rate(), limit.bandwidth()
    results: dict[str, Any] = {
        "backend": keras.backend.backend(),
        "machine": origin.machine(),
        "versions": origin.versions(),
        "commit": origin.commit(),
        "rounds": rounds,
        "flops_per_second": rates[0],
        "bytes_per_second": rates[1],
        "training": {},
    }
    for name, row in ROWS.items():
        if not names or name in names:
            results["training"][name] = training(row, rounds, rates)
            show(name, results["training"][name])
    if not names or "scoring" in names:
        results["scoring"] = scoring(rounds)
        show("scoring", results["scoring"])
    if not names or "mixed" in names:
        results["mixed"] = mixed(rounds)
        show("mixed", results["mixed"])
    if not names or "growth" in names:
        results["growth"] = growth()
        show("growth", results["growth"])
    return results


def training(row: Any, rounds: int, rates: tuple[float, float]) -> dict[str, Any]:
    """Return the microseconds of a step of each contender on a row, and their ratios."""
    import keras

    from benchmarks import limit
    from benchmarks.timing import Contender, compete, ratio

    x, steps = row.data(), -(-row.rows // row.batch_size)
    keras.utils.set_random_seed(0)
    ours, stock = row.model(), row.stock()
    loop = handwritten(row.name, x, row.batch_size)
    given = {"batch_size": row.batch_size, "verbose": 0}

    def by_hand(epochs: int) -> float:
        return [loop.epoch() for _ in range(epochs)][-1]

    def by_keras_ae(epochs: int) -> float:
        return float(ours.fit(x, epochs=epochs, **given).history["loss"][-1])

    # As many epochs at first as it takes for compiling to be worth it.
    first = max(1, -(-1_100 // steps)) if steps > 100 else 6
    contenders = [
        Contender("keras_ae", by_keras_ae, first),
        Contender("stock", lambda n: stock.fit(x, x, epochs=n, **given).history["loss"][-1]),
        Contender("by_hand", by_hand),
    ]
    compete(contenders, rounds=rounds)
    a, b, c = contenders
    least = limit.step_seconds(ours, row, *rates)
    gc.collect()
    return {
        "title": row.title,
        "batch_size": row.batch_size,
        "microseconds": {k.name: 1e6 * k.median / steps for k in contenders},
        "limit_microseconds": 1e6 * least,
        "first_seconds": {k.name: k.first for k in contenders},
        "losses": {k.name: k.value for k in contenders},
        "to_stock": ratio(a, b),
        "to_by_hand": ratio(a, c),
    }


def handwritten(name: str, x: Any, batch_size: int) -> Any:
    """Return the loop that was written by hand for a row in the framework that runs."""
    import keras

    module = importlib.import_module(f"benchmarks.by_hand.on_{keras.backend.backend()}")
    return module.ROWS[name](x, batch_size)


def scoring(rounds: int) -> dict[str, Any]:
    """Return the seconds in which a million rows are scored, and the memory that takes."""
    import numpy as np

    from benchmarks.rows import ROWS
    from benchmarks.timing import Contender, compete, ratio

    x = np.random.default_rng(0).random((SCORED_ROWS, 21), dtype="float32")
    ours, stock = ROWS["table"].model(), ROWS["table"].stock()
    before = resident_bytes()
    total = float(ours.score(x).sum())
    memory = (peak_bytes() - before) / x.nbytes

    def contender(name: str, call: Callable[[], Any]) -> Contender:
        def run(calls: int) -> float:
            for _ in range(calls):
                found = call()
            return float(found.flat[-1])

        return Contender(name, run)

    def of_stock(size: int) -> Contender:
        return contender(f"stock_{size}", lambda: stock.predict(x, size, verbose=0))

    fast = [
        contender("score", lambda: ours.score(x)),
        contender("predict", lambda: ours.predict(x)),
        contender("predict_32", lambda: ours.predict(x, batch_size=32)),
        *map(of_stock, PREDICT_BATCHES),
    ]
    slow = of_stock(32)
    compete(fast, rounds=rounds, least=0.3)
    compete([slow], rounds=1, least=0.3)
    best = min(fast[3:], key=lambda k: k.median)
    return {
        "rows": SCORED_ROWS,
        "total": total,
        "seconds": {k.name: k.median for k in (*fast, slow)},
        "memory_of_input": memory,
        "stock_32_to_predict_32": slow.median / fast[2].median,
        "stock_32_to_score": slow.median / fast[0].median,
        "best_stock_to_predict": ratio(best, fast[1]),
        "best_stock_batch": int(best.name.split("_")[1]),
    }


def mixed(rounds: int) -> dict[str, Any]:
    """Return the microseconds of a step of VAEs in float32 and in mixed bfloat16."""
    import keras
    import numpy as np

    import keras_ae
    from benchmarks.timing import Contender, compete, ratio

    x = np.random.default_rng(0).random((MIXED_ROWS, 784), dtype="float32")

    def contender(policy: str, width: int) -> Contender:
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            model = keras_ae.create("vae", input_shape=(784,), latent_dim=16, hidden=[width])
        finally:
            keras.config.set_dtype_policy(before)
        model.compile(keras.optimizers.Adam(1e-3))

        def run(epochs: int) -> float:
            history = model.fit(x, batch_size=128, epochs=epochs, verbose=0).history
            return float(history["loss"][-1])

        return Contender(policy, run, first_pieces=3)

    found: dict[str, Any] = {}
    for width in MIXED_WIDTHS:
        full, half = contender("float32", width), contender("mixed_bfloat16", width)
        compete([full, half], rounds=rounds)
        microseconds = {c.name: 1e6 * c.median / (MIXED_ROWS // 128) for c in (full, half)}
        found[str(width)] = {"microseconds": microseconds, "to_float32": ratio(half, full)}
    return found


def growth() -> dict[str, Any]:
    """Return the microseconds of a step as one axis grows: the rows, or the width."""
    return {
        "rows": {str(rows): grown(rows, 21) for rows in GROWTH["rows"]},
        "width": {str(width): grown(12_800, width) for width in GROWTH["width"]},
    }


def grown(rows: int, width: int, batch_size: int = 128) -> dict[str, float]:
    """Return the microseconds of a step of width-64-32-64-width on this many rows."""
    import keras
    import numpy as np

    import keras_ae
    from benchmarks import stock
    from benchmarks.timing import Contender, compete

    x = np.random.default_rng(0).random((rows, width), dtype="float32")
    ours = keras_ae.create("autoencoder", input_shape=(width,), latent_dim=32, hidden=[64])
    ours.compile(keras.optimizers.Adam(1e-3))
    plain = stock.dense(width, 64, 32)
    given = {"batch_size": batch_size, "verbose": 0}
    steps = -(-rows // batch_size)

    def by_keras_ae(epochs: int) -> float:
        return float(ours.fit(x, epochs=epochs, **given).history["loss"][-1])

    pair = [
        Contender("keras_ae", by_keras_ae, max(1, 1_100 // steps)),
        Contender("stock", lambda n: plain.fit(x, x, epochs=n, **given).history["loss"][-1]),
    ]
    compete(pair, rounds=3, least=0.5)
    return {contender.name: 1e6 * contender.median / steps for contender in pair}


def show(name: str, figures: dict[str, Any]) -> None:
    """Say on the terminal what was found."""
    sys.stdout.write(f"{name}: {json.dumps(figures)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
