"""The choice of inputs beside the concrete distribution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special, stats

import keras_ae
from keras_ae.bottlenecks import ConcreteSelector
from keras_ae.bottlenecks.temperature import Cooling
from tests.gradients import weight_gradients

LOGITS = np.array([0.5, -0.7, 0.9], "float32")


def selector(rows: int, temperature: Any = 1.0, shape: tuple[int, ...] = (3,)) -> ConcreteSelector:
    """Return one of which every row has the same logits."""
    code = ConcreteSelector(rows, temperature)
    code.build((None, *shape))
    (logits,) = code.trainable_weights
    assert tuple(logits.shape) == (rows, 3)
    logits.assign(np.tile(LOGITS, (rows, 1)))
    return code


def call(code: ConcreteSelector, h: np.ndarray, training: bool = True) -> Any:
    """Return the code as the trunk asks for it in training."""
    return code(h.astype("float32"), training=training, sample=training)["latent"]


def drawn(code: ConcreteSelector, training: bool = True) -> np.ndarray:
    """Return the matrix m of a call, `(k, d)`: what it does to unit vectors."""
    return np.asarray(ops.convert_to_numpy(call(code, np.eye(3), training)).T)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_draws_of_training_are_a_softmax_of_logits_and_gumbel_noise(temperature: float) -> None:
    """Abid et al. (2019), equation 1; a difference of two Gumbel numbers is logistic."""
    m = drawn(selector(4000, temperature)).astype("f8")
    np.testing.assert_allclose(m.sum(1), 1, rtol=1e-5)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        law = stats.logistic((LOGITS[i] - LOGITS[j]) / temperature, 1 / temperature)
        assert stats.kstest(np.log(m[:, i] / m[:, j]), law.cdf).pvalue > 1e-4
    counts = np.bincount(m.argmax(1), minlength=3)
    assert stats.chisquare(counts, 4000 * special.softmax(LOGITS.astype("f8"))).pvalue > 1e-4


def test_one_draw_is_for_the_whole_batch_and_the_next_is_another() -> None:
    code = selector(5)
    h = np.concatenate([np.eye(3), 2 * np.eye(3)])
    z = ops.convert_to_numpy(call(code, h))
    np.testing.assert_allclose(z[3:], 2 * z[:3], rtol=1e-5)
    again = ops.convert_to_numpy(call(code, h))
    assert abs(z - again).min() > 0


@pytest.mark.parametrize(("training", "sample"), [(False, False), (False, True), (True, False)])
def test_without_a_draw_of_training_the_choice_is_the_largest_logit(
    training: bool, sample: bool
) -> None:
    code = selector(2)
    (logits,) = code.trainable_weights
    logits.assign([[0.1, 0.0, 0.09], [-3.0, -1.0, -2.0]])
    h = np.random.default_rng(0).normal(size=(7, 3)).astype("float32")
    z = ops.convert_to_numpy(code(h, training=training, sample=sample)["latent"])
    np.testing.assert_array_equal(z, h[:, [0, 1]])
    np.testing.assert_array_equal(code.selected(), [0, 1])


def test_inputs_of_more_axes_are_numbered_as_they_lie() -> None:
    code = ConcreteSelector(2)
    code.build((None, 2, 3))
    (logits,) = code.trainable_weights
    logits.assign(np.eye(6)[[4, 2]])
    h = np.random.default_rng(0).normal(size=(7, 2, 3)).astype("float32")
    z = ops.convert_to_numpy(code(h)["latent"])
    np.testing.assert_array_equal(z, h.reshape(7, 6)[:, [4, 2]])
    np.testing.assert_array_equal(code.selected(), [4, 2])


def test_two_may_choose_one_input() -> None:
    np.testing.assert_array_equal(selector(2).selected(), [2, 2])


def test_the_temperature_falls_with_the_steps_of_training() -> None:
    """Log ratios of one draw have the deviation pi sqrt(1 / 3) / T."""
    code = selector(3000, Cooling(3, start=4.0, end=0.5))
    for wanted in (4.0, 2.0, 1.0, 0.5, 0.5):
        drawn(code, training=False)
        m = drawn(code).astype("f8")
        found = np.pi / np.sqrt(3) / np.log(m[:, 0] / m[:, 2]).std()
        assert found == pytest.approx(wanted, rel=0.1)


def test_the_gradient_of_a_draw_is_that_of_its_softmax() -> None:
    """dm_j / dlogits = m_j (e_j - m) / T, from the draw that is made."""
    code = selector(1, 2.0)
    seen: list[Any] = []
    way = np.array([1.0, 2.0, -1.0])

    def value() -> Any:
        z = call(code, np.eye(3))
        seen.append(ops.stop_gradient(z))
        return ops.sum(z * ops.convert_to_tensor(way.astype("float32")[:, None]))

    (found,) = weight_gradients(value, code.trainable_weights)
    if keras.backend.backend() == "jax":  # where what is seen in the gradient is a tracer
        assert abs(found.sum()) < 1e-6 < 1e-3 < abs(found).max()
        return
    m = ops.convert_to_numpy(seen[0])[:, 0].astype("f8")
    np.testing.assert_allclose(found[0], m * (way - m @ way) / 2.0, rtol=1e-4, atol=1e-6)


def test_it_starts_without_a_preference() -> None:
    code = ConcreteSelector(50)
    code.build((None, 10))
    (logits,) = (np.array(w) for w in code.trainable_weights)
    assert abs(special.softmax(logits, axis=1) - 0.1).max() < 0.1


def test_the_two_inputs_that_tell_all_are_found(tmp_path: Path) -> None:
    """Columns 1 and 4; the others are parts of what they say, and a constant."""
    keras.utils.set_random_seed(0)
    a, b = np.random.default_rng(0).normal(size=(2, 512))
    columns = [np.abs(a) - 0.8, 1.5 * a, np.sign(b), np.zeros(512), 1.5 * b, np.sign(a)]
    x = np.stack(columns, axis=1).astype("float32")
    model = keras_ae.create(
        "concrete_autoencoder", input_shape=(6,), latent_dim=2, steps=320, hidden=[16]
    )
    model.compile(keras.optimizers.Adam(0.02))
    model.fit(x, batch_size=64, epochs=40, verbose=0)
    assert sorted(model.bottleneck.selected()) == [1, 4]
    np.testing.assert_array_equal(model.encode(x), x[:, model.bottleneck.selected()])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.bottleneck.selected(), model.bottleneck.selected())


@pytest.mark.parametrize(
    ("option", "wrong"),
    [("latent_dim", 0), ("latent_dim", 2.5), ("temperature", 0.0), ("temperature", -1.0)],
)
def test_an_impossible_argument_is_refused(option: str, wrong: Any) -> None:
    given: dict[str, Any] = {"latent_dim": 3, option: wrong}
    with pytest.raises(ValueError, match=f"`{option}` must"):
        ConcreteSelector(**given)


def test_a_condition_is_never_selected() -> None:
    model = keras_ae.create(
        "concrete_autoencoder",
        input_shape=(3, 2),
        latent_dim=4,
        condition={"name": "label", "categories": 5},
    )
    assert tuple(model.bottleneck.logits.shape) == (4, 6)
    assert max(model.bottleneck.selected()) < 6


def test_an_encoder_of_ones_own_is_refused() -> None:
    with pytest.raises(ValueError, match="`encoder` must be left out"):
        keras_ae.create("concrete_autoencoder", input_shape=(6,), encoder="mlp")


def test_the_widths_hold_for_a_decoder_with_options_too() -> None:
    decoder = {"name": "mlp", "activation": "tanh"}
    model = keras_ae.create("concrete_autoencoder", input_shape=(6,), hidden=[7], decoder=decoder)
    assert model.decoder.get_layer("hidden_0").units == 7
