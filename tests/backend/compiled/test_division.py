from __future__ import annotations

from typing import Any

import keras
import pytest

import keras_ae
from keras_ae.backend.compiled import division, plan
from keras_ae.backend.compiled.division import Division
from keras_ae.backend.script import Draw
from keras_ae.bottlenecks import BatchTopK, Gaussian, TopK
from keras_ae.objectives import FreeBits, KLSparsity, Reconstruction, Term


def model_of(name: str = "vae", **options: Any) -> Any:
    given = {"latent_dim": 2, "input_shape": (8, 8, 1), "encoder": "conv", "hidden": [4], **options}
    model = keras_ae.create(name, **given)
    model.compile(optimizer="adam")
    return model


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(division, "_cores", lambda: 2)


@pytest.mark.parametrize(
    ("batch_size", "wanted"),
    [
        (128, (2, 16, 4)),
        (100, (2, 10, 5)),
        (94, (2, 1, 47)),  # only passes of a single row divide 47
        (33, (1, 3, 11)),
        (7, None),
        (8, (2, 1, 4)),
    ],
)
def test_parts_make_up_the_batch(batch_size: int, wanted: Any) -> None:
    found = Division.of(model_of(), batch_size)
    assert found == wanted
    assert found is None or found.parts * found.rows == batch_size


def test_recurrent_layers_take_a_thread_s_rows_at_once() -> None:
    model = model_of("recurrent_autoencoder", input_shape=(5, 1), encoder="recurrent")
    assert Division.of(model, 64) == (2, 1, 32)


def test_one_core_takes_few_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(division, "_cores", lambda: 1)
    assert Division.of(model_of(), 128) == (1, 32, 4)


def test_products_are_left_to_the_framework() -> None:
    assert Division.of(model_of(encoder="mlp"), 128) is None


def test_what_is_not_a_sum_over_rows_is_not_divided() -> None:
    measured = model_of()
    measured.compile(optimizer="adam", metrics=["mse"])
    scaled = model_of()
    scaled.compile(optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()))
    phased = model_of("adversarial_autoencoder", alternate=True)
    for model in (measured, scaled, phased):
        assert Division.of(model, 128) is None


@pytest.mark.parametrize("term", [FreeBits(), KLSparsity()])
def test_a_term_of_the_whole_batch_is_not_divided(term: Term) -> None:
    model = keras_ae.LatentModel(
        (8, 8, 1),
        bottleneck=Gaussian(2),
        objective=[Reconstruction(), term],
        encoder="conv",
        hidden=[4],
        prior="standard_normal",
    )
    model.compile(optimizer="adam")
    assert Division.of(model, 128) is None


@pytest.mark.parametrize(("code", "divides"), [(BatchTopK(8, 2), False), (TopK(8, 2), True)])
def test_a_code_of_the_whole_batch_is_not_divided(code: Any, divides: bool) -> None:
    model = keras_ae.LatentModel((8,), bottleneck=code, objective=[Reconstruction()], hidden=[])
    model.compile(optimizer="adam")
    assert division.is_sum_of_rows(model) is divides


def test_draws_are_by_row_if_rows_come_first() -> None:
    def draw(*shape: int) -> Draw:
        return Draw(None, "normal", shape, True)

    assert division.is_by_row([draw(4, 2), draw(4)], 4)
    assert not division.is_by_row([draw(4, 2), draw(8, 4)], 4)
    assert not division.is_by_row([draw()], 4)


def test_a_pass_is_worth_a_gradient_of_all_weights() -> None:
    wide = model_of(latent_dim=64, input_shape=(16, 16, 1))
    work, weights = plan.multiplications(wide), wide.count_params()
    found = Division.of(wide, 256)
    assert found is not None
    assert found.rows > division.LEAST_ROWS
    assert found.rows / 2 * work < 32 * weights <= found.rows * work
