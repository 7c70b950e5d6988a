from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.backend import compiled
from keras_ae.backend.compiled import blocks
from keras_ae.backend.compiled.trial import Trial

BACKEND = keras.backend.backend()
RNG = np.random.default_rng(0)
X = RNG.random((75, 6)).astype("float32")  # nine batches of 8 and one of 3
WEIGHTS = RNG.random(75).astype("float32")
OPTIONS: dict[str, dict[str, Any]] = {
    "autoencoder": {"hidden": [8]},
    "vae": {"hidden": [8], "normalize": "standard"},
    "hamiltonian_vae": {"hidden": [8], "leapfrog_steps": 2, "step_size": 0.2},
    "riemannian_hamiltonian_vae": {"hidden": [8], "leapfrog_steps": 1, "centres": 5},
    "denoising_autoencoder": {"hidden": [8], "corruption": "salt_and_pepper"},
    "vq_vae": {"num_codes": 5, "tokens": 2},
    "adversarial_autoencoder": {"hidden": [8], "alternate": True},
}
LONGEST = ("riemannian_hamiltonian_vae",)
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if name in LONGEST else []) for name in OPTIONS
]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch trace from the first step on."""
    if BACKEND == "torch":
        from keras_ae.backend.compiled import on_torch

        monkeypatch.setattr(on_torch, "WORTH_TRACING", 0)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Have Keras's own train function run."""
    with monkeypatch.context() as patch:
        patch.setattr(compiled, "is_possible", lambda *_: False)
        yield patch


def make(name: str = "autoencoder", **options: Any) -> Any:
    keras.utils.set_random_seed(5)
    model = keras_ae.create(
        name, input_shape=(6,), latent_dim=2, **{**OPTIONS.get(name, {}), **options}
    )
    model.compile(optimizer=keras.optimizers.Adam(0.01), metrics=["mse"])
    return model


def fit(model: Any, **options: Any) -> Any:
    given = {"epochs": 3, "batch_size": 8, "verbose": 0, "validation_data": X[:9], **options}
    return model.fit(X, **given).history


def weights(model: Any) -> list[np.ndarray]:
    return [ops.convert_to_numpy(v).copy() for v in (*model.weights, *model.optimizer.variables)]


class Calls(keras.callbacks.Callback):
    """Notes after which batches it is called, and stops after one of them."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.stop_at = stop_at

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Note the number of the batch."""
        assert set(logs) >= {"loss", "reconstruction", "mse"}
        self.batches.append(batch)
        self.model.stop_training = batch == self.stop_at


@pytest.mark.parametrize("name", NAMES)
def test_blocks_of_steps_train_as_single_steps_do(
    name: str, one_by_one: pytest.MonkeyPatch
) -> None:
    single = make(name)
    wanted = fit(single, sample_weight=WEIGHTS)
    one_by_one.undo()
    model = make(name)
    found = fit(model, sample_weight=WEIGHTS)
    assert set(found) == set(wanted)
    for key, values in wanted.items():
        # A term is a part of the loss, of which 1e-5 nats are less than 1e-5; decibels are of a
        # ratio of small numbers.
        rel = 1e-4 if key.endswith("snr") else 1e-5
        assert found[key] == pytest.approx(values, rel=rel, abs=1e-5), key
    for a, b in zip(weights(model), weights(single), strict=True):
        # Norms: where a gradient is rounding alone, Adam moves a weight by its sign.
        assert np.linalg.norm(a - b) <= 1e-4 * np.linalg.norm(b) + 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_blocks_of_batches_measure_as_single_ones_do(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make(name)
    fit(model, epochs=1)
    before = weights(model)
    given = {"sample_weight": WEIGHTS, "batch_size": 8, "samples": 2, "seed": 3, "verbose": 0}
    found = [model.evaluate(X, return_dict=True, **given) for _ in range(2)]
    measurements = vars(model)[compiled.MEASUREMENTS][1]
    if BACKEND == "torch":
        assert len(measurements.traces) == 4  # and those of the validation, without weights
        assert None not in measurements.traces.values()
    assert found[0] == found[1]
    monkeypatch.setattr(compiled, "is_measurable", lambda *_: False)
    wanted = model.evaluate(X, return_dict=True, **given)
    assert found[0] == pytest.approx(wanted, rel=1e-5, abs=1e-6)
    for a, b in zip(weights(model), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_measurement_has_the_callers_batches_callbacks_and_metrics() -> None:
    class Seen(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.batches: list[int] = []

        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            self.batches.append(batch)

    model, seen = make(), Seen()
    wanted = model.evaluate(X, batch_size=8, verbose=0)
    assert model.evaluate(X, batch_size=8, callbacks=[seen], verbose=0) == pytest.approx(wanted)
    assert seen.batches == list(range(10))
    fit(model, epochs=2, callbacks=[seen], verbose=1)
    assert len(seen.batches) == 10 + 2 * 2  # nine rows
    model.objective[0].weight = 3.0
    tripled = model.evaluate(X, verbose=0, return_dict=True)
    assert tripled["loss"] == pytest.approx(3.0 * tripled["reconstruction"])
    model.compile("adam", metrics=["mae"])
    logs = model.evaluate(X, verbose=0, return_dict=True)
    assert set(logs) == {"loss", "mae", "reconstruction"}


def test_other_numbers_of_rows_take_the_programs_that_are_there() -> None:
    model = make()
    model.evaluate(X[:72], batch_size=8, verbose=0)
    measurements = vars(model)[compiled.MEASUREMENTS][1]
    for rows in (80, 96, 112, 128):  # ten to sixteen batches
        model.evaluate(np.resize(X, (rows, 6)), batch_size=8, verbose=0)
    if BACKEND == "jax":
        assert measurements.block._cache_size() == 1
    elif BACKEND == "tensorflow":
        assert measurements.block.experimental_get_tracing_count() == 1
    else:
        assert len(measurements.traces) == 1


class Inside(keras.callbacks.Callback):
    """Evaluates in the midst of an evaluation."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Begin another."""
        if not getattr(self, "is_inside", False):
            self.is_inside = True
            self.found = self.model.evaluate(X[:40], verbose=0)


def test_one_evaluation_may_hold_another() -> None:
    model, inside = make("vae", normalize="none"), Inside()
    wanted, few = (model.evaluate(x, verbose=0) for x in (X, X[:40]))
    assert model.evaluate(X, callbacks=[inside], samples=2, verbose=0)[0] > 0
    assert inside.found == pytest.approx(few)
    assert model.evaluate(X, verbose=0) == pytest.approx(wanted)


class Vectors(keras.metrics.Metric):
    """A metric of several numbers."""

    def __init__(self) -> None:
        super().__init__(name="vectors")
        self.sums = self.add_variable((6,), "zeros", name="sums")

    def update_state(self, y: Any, found: Any, sample_weight: Any = None) -> None:
        """Add the differences."""
        self.sums.assign_add(ops.sum(ops.abs(y - found), axis=0))

    def result(self) -> Any:
        """Return the sums."""
        return {"first": self.sums[0], "all": ops.sum(self.sums)}


def test_metrics_of_several_numbers_are_measured() -> None:
    model = make()
    model.compile("adam", metrics=[Vectors()])
    found = model.evaluate(X, verbose=0, return_dict=True)
    wanted = np.abs(X - model.reconstruct(X)).sum(0)
    assert found["first"] == pytest.approx(wanted[0], rel=1e-4)
    assert found["all"] == pytest.approx(wanted.sum(), rel=1e-4)


def test_rows_may_be_reversed_and_read_only() -> None:
    model, x = make(), X[::-1]
    x.flags.writeable = False
    wanted = model.evaluate(X.copy(), verbose=0)
    assert model.evaluate(x, verbose=0) == pytest.approx(wanted, rel=1e-5)
    model.fit(x, validation_data=x[:, ::-1], batch_size=8, verbose=0)


def test_kerass_limit_of_steps_is_respected() -> None:
    model = make()
    wanted = model.evaluate(X[:16], batch_size=8, verbose=0)
    keras.config.set_max_steps_per_epoch(2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert model.evaluate(X, batch_size=8, verbose=0) == pytest.approx(wanted)
    finally:
        keras.config.set_max_steps_per_epoch(None)


def test_recurrent_layers_inside_of_others_train_and_are_measured() -> None:
    x = RNG.random((24, 7, 3)).astype("float32")
    both_ways = keras.layers.Bidirectional(keras.layers.LSTM(4))
    encoder = keras.Sequential([keras.Input((7, 3)), both_ways])
    model = keras_ae.create(
        "vae", input_shape=(7, 3), latent_dim=2, encoder=encoder, decoder="mlp", hidden=[8]
    )
    model.compile("adam")
    model.fit(x, batch_size=8, verbose=0)
    assert np.isfinite(model.evaluate(x, batch_size=8, verbose=0)).all()


@pytest.mark.skipif(BACKEND == "torch", reason="torch gathers in each step")
def test_a_loop_is_the_same_whether_it_gathers_at_once_or_in_each_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if BACKEND == "tensorflow":
        from keras_ae.backend.compiled import on_tensorflow

        monkeypatch.setattr(on_tensorflow, "WORTH_XLA", 0)
    model = make("vae")
    wanted = fit(model, sample_weight=WEIGHTS)
    monkeypatch.setattr(blocks, "GATHERED", 0)
    other = make("vae")
    found = fit(other, sample_weight=WEIGHTS)
    for key, values in wanted.items():
        assert found[key] == pytest.approx(values, rel=1e-5), key
    for a, b in zip(weights(model), weights(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="is about XLA on TensorFlow")
@pytest.mark.parametrize("name", list(OPTIONS))
def test_xla_trains_as_keras_does(
    name: str, monkeypatch: pytest.MonkeyPatch, one_by_one: pytest.MonkeyPatch
) -> None:
    from keras_ae.backend.compiled import on_tensorflow

    wanted = fit(make(name))
    one_by_one.undo()
    monkeypatch.setattr(on_tensorflow, "WORTH_XLA", 0)
    model = make(name)
    found = fit(model)
    for key, values in wanted.items():
        assert found[key] == pytest.approx(values, rel=1e-5, abs=1e-5), key
    assert model.__dict__["_block_steps"][1].xla


@pytest.mark.skipif(BACKEND != "tensorflow", reason="is about XLA on TensorFlow")
def test_what_draws_by_itself_or_convolves_is_not_for_xla() -> None:
    from keras_ae.backend.compiled.on_tensorflow import is_for_xla

    dropout = keras.Sequential([keras.Input((6,)), keras.layers.Dropout(0.5)])
    assert is_for_xla(make("vae"))
    assert not is_for_xla(make(encoder=dropout))
    maps = keras_ae.create("autoencoder", input_shape=(8, 8, 1), encoder="conv", hidden=[4])
    assert not is_for_xla(maps)


def test_a_share_of_the_last_rows_is_held_out_as_keras_does() -> None:
    one, other = make(), make()
    held = fit(one, validation_data=None, validation_split=0.2, shuffle=False)
    keras.Model.fit(
        other, X, epochs=3, batch_size=8, validation_split=0.2, shuffle=False, verbose=0
    )
    for a, b in zip(weights(one), weights(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert held["val_loss"] == pytest.approx(other.history.history["val_loss"], rel=1e-5)


def test_a_callback_for_batches_is_called_after_each() -> None:
    calls = Calls()
    fit(make(), epochs=1, callbacks=[calls])
    assert calls.batches == list(range(10))


def test_the_users_steps_per_execution_is_respected() -> None:
    model, calls = make(), Calls()
    model.steps_per_execution = 4
    history = fit(model, epochs=1, callbacks=[calls], validation_data=None)
    assert calls.batches == [3, 7, 11]  # as Keras counts: the last block may be shorter
    assert model.steps_per_execution == 4
    assert history["loss"] == pytest.approx(fit(make(), epochs=1)["loss"], rel=1e-5)


def test_a_callback_can_stop_an_epoch() -> None:
    model = make()
    fit(model, callbacks=[Calls(stop_at=2)])
    assert int(ops.convert_to_numpy(model.step)) == 3


def test_training_goes_on_at_an_epoch() -> None:
    model = make()
    assert len(fit(model, initial_epoch=2)["loss"]) == 1
    assert int(ops.convert_to_numpy(model.step)) == 10


def test_the_same_seed_gives_the_same_training_and_another_another_order() -> None:
    first, again = fit(make()), fit(make())
    assert first == again
    model = make()
    keras.utils.set_random_seed(6)
    assert fit(model)["loss"] != first["loss"]


def test_what_is_compiled_anew_trains_anew() -> None:
    model = make()
    fit(model, epochs=1)
    before = model.get_weights()
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    fit(model, epochs=1)
    still = [np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert still.count(False) == 1  # the step counter


def test_other_data_train_after_arrays_did() -> None:
    model = make()
    fit(model, epochs=1)
    batches = ((X[:8],) for _ in range(100))
    history = model.fit(batches, steps_per_epoch=5, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    assert int(ops.convert_to_numpy(model.step)) == 20


def test_eager_models_take_kerass_own_steps() -> None:
    batches = keras_ae.datasets.ArrayBatches(X, batch_size=8)
    model = make()
    assert compiled.is_possible(model, batches, 1)
    model.run_eagerly = True
    assert not compiled.is_possible(model, batches, 1)


def test_a_block_takes_about_a_tenth_of_a_second_and_blocks_are_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches = keras_ae.datasets.ArrayBatches(np.zeros((1300, 6)), batch_size=10)
    assert compiled.block_length(make(), batches) == 130
    monkeypatch.setattr(compiled, "BLOCK_BYTES", 240)  # a batch
    assert compiled.block_length(make(), batches) == 65  # two blocks of at most 128 steps
    monkeypatch.setattr(compiled, "FLOPS", 1e6)
    wide = make(hidden=[100])
    assert compiled.block_length(wide, batches) == 1  # 0.096 s each
    assert compiled.multiplications(make()) == 6 * 8 + 8 * 2 + 2 * 8 + 8 * 6


def test_a_convolution_multiplies_at_every_place() -> None:
    model = keras_ae.create(
        "autoencoder", input_shape=(8, 8, 1), latent_dim=2, encoder="conv", hidden=[4]
    )
    kernels = [v for v in model.encoder.trainable_variables if v.path.endswith("kernel")]
    assert compiled.multiplications(model) > 4 * 4 * int(np.prod(kernels[0].shape))


@pytest.mark.skipif(BACKEND != "jax", reason="is about the forms on JAX")
def test_the_form_of_steps_is_measured_once_where_no_rule_says(
    monkeypatch: pytest.MonkeyPatch, one_by_one: pytest.MonkeyPatch
) -> None:
    from keras_ae.backend.compiled import on_jax

    wanted = fit(make("vae"))
    one_by_one.undo()
    for name, value in (("LOOPED", 0), ("WORTH_TRYING", 0), ("TRIED", 2)):
        monkeypatch.setattr(on_jax, name, value)
    monkeypatch.setattr(compiled, "MOST_STEPS", 5)
    model = make("vae")
    assert fit(model)["loss"] == pytest.approx(wanted["loss"], rel=1e-5)
    steps = model.__dict__["_block_steps"][1]
    trial = steps.trial
    while not trial.is_over:
        fit(model)
    assert steps.is_looped == trial.winner
    seconds = [*trial.seconds[True], *trial.seconds[False]]
    fit(model)
    assert [*trial.seconds[True], *trial.seconds[False]] == seconds
    model.fit(X[:50], batch_size=8, verbose=0)  # of another shape: what compiles is not timed
    assert [*trial.seconds[True], *trial.seconds[False]] == seconds
    assert steps.trial is not trial
    assert not steps.trial.is_over


@pytest.mark.skipif(BACKEND != "jax", reason="is about the forms on JAX")
@pytest.mark.parametrize("option", [{"unheard_of": "1"}, None])
def test_large_steps_are_looped_whatever_options_the_compiler_knows(
    option: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras_ae.backend.compiled import on_jax

    wanted = fit(make("vae"))
    monkeypatch.setattr(on_jax, "LOOPED", 0)
    monkeypatch.setattr(on_jax, "EIGEN", option or on_jax.EIGEN)
    monkeypatch.setattr(on_jax, "_eigen", on_jax._eigen.__wrapped__)
    model = make("vae")
    monkeypatch.setattr(Trial, "winner", True)
    found = fit(model)
    assert model.__dict__["_block_steps"][1].is_looped
    for key, values in wanted.items():
        assert found[key] == pytest.approx(values, rel=1e-5), key


@pytest.mark.skipif(BACKEND != "jax", reason="is about the forms on JAX")
def test_small_steps_are_looped_and_convolutions_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    from keras_ae.backend.compiled import on_jax

    model = make()
    fit(model, epochs=1)
    assert model.__dict__["_block_steps"][1].is_looped
    maps = keras_ae.create("autoencoder", input_shape=(4, 4, 1), encoder="conv", hidden=[2])
    maps.compile("adam")
    monkeypatch.setattr(on_jax, "LOOPED", 0)
    maps.fit(np.ones((16, 4, 4, 1), "float32"), batch_size=8, verbose=0)
    assert not maps.__dict__["_block_steps"][1].is_looped
