from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.bottlenecks import Gaussian
from keras_ae.objectives import (
    ControlledWeight,
    CyclicalWarmup,
    KLDivergence,
    LinearWarmup,
    Reconstruction,
)

X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")


def values(schedule: Any, steps: list[int]) -> list[float]:
    return [float(ops.convert_to_numpy(schedule(ops.convert_to_tensor(s)))) for s in steps]


def test_a_linear_warmup_is_a_line_and_then_stays() -> None:
    schedule = LinearWarmup(10, start=1.0, end=3.0, delay=5)
    got = values(schedule, [0, 5, 10, 15, 100])
    np.testing.assert_allclose(got, [1.0, 1.0, 2.0, 3.0, 3.0], rtol=1e-6)


def test_a_cyclical_warmup_rises_in_each_cycle_as_the_paper_says() -> None:
    total, cycles, proportion = 40, 4, 0.5
    got = values(CyclicalWarmup(10, proportion), list(range(total)))
    tau = [(step % (total // cycles)) / (total / cycles) for step in range(total)]
    np.testing.assert_allclose(got, [min(t / proportion, 1.0) for t in tau], rtol=1e-6)


def test_a_cyclical_warmup_may_end() -> None:
    schedule = CyclicalWarmup(10, cycles=2, end=4.0)
    np.testing.assert_allclose(values(schedule, [0, 10, 20, 21]), [0.0, 0.0, 4.0, 4.0])


def controlled(errors: list[float], **options: Any) -> list[float]:
    """The weights of algorithm 1 of Shao et al. (2020) after each value, in plain Python."""
    o = {"proportional": 0.01, "integral": 1e-4, "least": 0.0, "most": 1.0, "start": 1.0, **options}
    weight, total, found = o["start"], o["start"] - o["least"], []
    for error in errors:
        proportion = o["proportional"] / (1 + np.exp(error))
        at_bound = weight >= o["most"] or weight <= o["least"]
        outwards = error < 0 if weight >= o["most"] else error > 0
        if not (at_bound and outwards):
            total -= o["integral"] * error
        weight = min(max(proportion + total + o["least"], o["least"]), o["most"])
        found.append(weight)
    return found


@pytest.mark.parametrize("options", [{}, {"least": 0.2, "most": 0.9, "start": 0.5}])
def test_a_controller_moves_the_weight_as_its_paper_says(options: Any) -> None:
    rng = np.random.default_rng(3)
    weight = ControlledWeight(10.0, proportional=0.02, integral=0.01, **options)
    got, errors = [], []
    for _ in range(40):
        batch = rng.normal(10.0, 8.0, size=5).astype("float32")
        weight.observe(ops.convert_to_tensor(batch))
        errors.append(10.0 - float(batch.mean()))
        got.append(float(ops.convert_to_numpy(weight.now())))
    wanted = controlled(errors, proportional=0.02, integral=0.01, **options)
    np.testing.assert_allclose(got, wanted, rtol=1e-4)


def test_a_controller_follows_the_mean_of_weighted_rows() -> None:
    weighted, plain = (ControlledWeight(3.0, integral=0.01) for _ in range(2))
    values = np.array([4.0, 6.0, 1e4], "float32")
    weighted.observe(ops.convert_to_tensor(values), ops.convert_to_tensor([3.0, 1.0, 0.0]))
    plain.observe(ops.convert_to_tensor(np.float32(4.5)))
    assert float(ops.convert_to_numpy(weighted.sum)) == float(ops.convert_to_numpy(plain.sum))
    before = float(ops.convert_to_numpy(weighted.now()))
    weighted.observe(ops.convert_to_tensor(values), ops.zeros(3))
    assert float(ops.convert_to_numpy(weighted.now())) == before == 1.0


def test_a_controller_is_given_the_values_before_their_rows_are_weighted() -> None:
    weight = ControlledWeight(1.0, integral=0.1, start=0.5)
    term = KLDivergence(weight)
    model = keras_ae.LatentModel(
        (6,), bottleneck=Gaussian(3), objective=[term], prior="standard_normal", hidden=[]
    )
    rate = float(model.score(X).mean())
    outputs = model(X, training=True)
    model.terms(X, None, outputs, np.full(64, 5.0, "float32"), training=True)
    wanted = controlled([1.0 - rate], integral=0.1, start=0.5)
    assert float(ops.convert_to_numpy(weight.now())) == pytest.approx(wanted[0], rel=1e-4)


def test_a_controlled_rate_is_held_at_its_target() -> None:
    weight = ControlledWeight(3.0, proportional=0.1, integral=0.1, most=20.0)
    model = keras_ae.LatentModel(
        (6,),
        bottleneck=Gaussian(3),
        objective=[Reconstruction(), KLDivergence(weight)],
        likelihood={"name": "gaussian", "scale": 0.1},
        prior="standard_normal",
        hidden=[16],
    )
    model.compile(keras.optimizers.Adam(5e-3))
    history = model.fit(X, epochs=200, batch_size=32, verbose=0).history
    assert np.mean(history["kl"][-50:]) == pytest.approx(3.0, abs=0.4)
    assert float(ops.convert_to_numpy(weight.now())) > 1.0  # weight 1 would let the rate be larger


def test_a_controller_is_saved_with_its_state(tmp_path: Any) -> None:
    weight = ControlledWeight(50.0, integral=1e-3)
    model = keras_ae.LatentModel(
        (6,),
        bottleneck=Gaussian(2),
        objective=[Reconstruction(), KLDivergence(weight)],
        prior="standard_normal",
        hidden=[4],
    )
    model.compile("adam")
    model.fit(X, epochs=2, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    before = float(ops.convert_to_numpy(weight.now()))
    assert 0.0 < before < 1.0
    assert float(ops.convert_to_numpy(loaded.objective[1].weight.now())) == before


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: ControlledWeight(0.0), "target"),
        (lambda: ControlledWeight(1.0, proportional=-1.0), "proportional"),
        (lambda: ControlledWeight(1.0, start=2.0), "start"),
        (lambda: CyclicalWarmup(10, proportion=0.0), "proportion"),
        (lambda: LinearWarmup(0), "steps"),
        (lambda: LinearWarmup(5, start=-1.0), "start"),
        (lambda: LinearWarmup(5, end=float("nan")), "end"),
        (lambda: LinearWarmup(5, delay=-5), "delay"),
        (lambda: LinearWarmup(5, delay=2.9), "delay"),  # type: ignore[arg-type]
        (lambda: CyclicalWarmup(10, proportion="x"), "proportion"),  # type: ignore[arg-type]
        (lambda: CyclicalWarmup(10, end=float("inf")), "end"),
        (lambda: ControlledWeight(1.0, start="x"), "start"),  # type: ignore[arg-type]
        (lambda: ControlledWeight(1.0, most="x"), "start"),  # type: ignore[arg-type]
        (lambda: KLDivergence(-1.0), "weight"),
    ],
)
def test_an_impossible_weight_is_refused(make: Any, name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}` must"):
        make()
