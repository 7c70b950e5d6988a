from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

import keras_ae
from keras_ae.batches import ArrayBatches
from keras_ae.bottlenecks import Deterministic, Gaussian
from keras_ae.objectives import KLDivergence, Quantization, Reconstruction, Term

RNG = np.random.default_rng(0)
X = RNG.random((20, 6)).astype("float32")


def make(name: str = "vae", **options: Any) -> Any:
    model = keras_ae.create(
        name, **{"input_shape": (6,), "latent_dim": 2, "hidden": [8], **options}
    )
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    return model


def still(model: Any) -> Any:
    """The model with an optimizer that moves nothing, so that what is logged can be computed."""
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    return model


def distortion(target: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    return -stats.norm.logpdf(target.astype("f8"), reconstruction).sum(1)


def test_a_term_that_the_bottleneck_cannot_serve_is_refused_by_name() -> None:
    with pytest.raises(
        ValueError,
        match=r"Quantization needs \['errors', 'indices', 'loss', 'signal'\].*Deterministic",
    ):
        keras_ae.LatentModel((6,), bottleneck=Deterministic(2), objective=[Quantization()])


def test_an_objective_needs_terms_of_different_names() -> None:
    for objective in ([], [Reconstruction(), Reconstruction()]):
        with pytest.raises(ValueError, match="terms of different names"):
            keras_ae.LatentModel((6,), bottleneck=Deterministic(2), objective=objective)


@pytest.mark.parametrize("shape", [(), (0,), (3, -1), (2.5,), "ab"])
def test_an_impossible_input_shape_is_refused(shape: Any) -> None:
    with pytest.raises(ValueError, match="`input_shape` must be the shape of one example"):
        keras_ae.LatentModel(shape, bottleneck=Deterministic(2), objective=[Reconstruction()])


def test_the_models_parts_are_plain_keras_models() -> None:
    model = make(input_shape=(8, 8, 1), encoder="conv")
    assert model.encoder.output_shape == (None, 4, 4, 8)
    assert model.decoder.output_shape == (None, 8, 8, 1)
    classifier = keras.Sequential([model.encoder, keras.layers.Flatten(), keras.layers.Dense(3)])
    assert classifier(np.zeros((2, 8, 8, 1), "float32")).shape == (2, 3)


def test_any_keras_layer_serves_as_encoder_and_decoder(tmp_path: Path) -> None:
    model = make(
        encoder=keras.layers.Dense(5, activation="relu"),
        decoder=keras.Sequential([keras.Input((2,)), keras.layers.Dense(6)]),
    )
    model.fit(X, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(X), model.predict(X), rtol=1e-6)


def test_a_decoder_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a decoder must give the shape \(6,\).*gives \(5,\)"):
        make(decoder=keras.layers.Dense(5))


def test_every_output_has_the_batch_first_and_none_is_missing() -> None:
    outputs = make("vq_vae", num_codes=4, tokens=3)(X)
    assert all(value.shape[0] == len(X) for value in outputs.values())


def test_calling_a_model_is_deterministic_and_evaluation_is_not_at_the_mean() -> None:
    model = make(likelihood={"name": "gaussian", "scale": 0.1})
    first, again = (ops.convert_to_numpy(model(X)["latent"]) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    at_mean = float(model.score(X).mean())
    assert model.evaluate(X, verbose=0, return_dict=True)["loss"] > at_mean


def test_evaluation_repeats_with_its_seed() -> None:
    model = make()
    losses = [
        model.evaluate(X, seed=seed, verbose=0, return_dict=True)["loss"] for seed in (0, 0, 1)
    ]
    assert losses[0] == losses[1] != losses[2]


def test_evaluation_averages_its_passes() -> None:
    class Passes(Term):
        """The number of batches so far."""

        def __init__(self) -> None:
            super().__init__()
            self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def value(self, model: Any, batch: Any, outputs: Any, training: bool) -> Any:
            self.count.assign_add(1.0)
            return ops.zeros((ops.shape(batch.x)[0],)) + self.count

    objective = [Reconstruction(), Passes()]
    model = still(keras_ae.LatentModel((6,), bottleneck=Deterministic(2), objective=objective))
    logs = model.evaluate(X, samples=3, batch_size=len(X), verbose=0, return_dict=True)
    assert logs["passes"] == 2.0


def test_what_is_logged_is_the_mean_over_rows_when_the_last_batch_is_short() -> None:
    model, x = still(make("autoencoder")), np.concatenate([X, 9 + X[:3]])
    wanted = distortion(x, model.predict(x)).mean()
    for logs in (
        {key: values[0] for key, values in model.fit(x, batch_size=8, verbose=0).history.items()},
        model.evaluate(x, batch_size=8, verbose=0, return_dict=True),
    ):
        assert logs == pytest.approx({"loss": wanted, "reconstruction": wanted}, rel=1e-5)


def test_a_denoiser_sees_corrupted_inputs_in_training_and_in_evaluation() -> None:
    corruption = {"name": "feature_mask", "rate": 1.0}
    model = still(make("denoising_autoencoder", corruption=corruption))
    wanted = distortion(X, model.predict(np.zeros_like(X))).mean()
    assert wanted != pytest.approx(distortion(X, model.predict(X)).mean(), rel=1e-3)
    losses = model.fit(X, validation_data=X, verbose=0).history
    assert losses["loss"] == pytest.approx([wanted], rel=1e-5)
    assert losses["val_loss"] == pytest.approx([wanted], rel=1e-5)


@pytest.mark.parametrize("entry", [1.0, 0.0])
def test_a_recurrent_encoder_skips_a_step_when_none_of_it_is_observed(entry: float) -> None:
    series = np.random.default_rng(1).normal(size=(3, 6, 2)).astype("float32")
    mask = np.ones_like(series)
    mask[:, 4:] = 0.0
    mask[:, 1, 0] = entry
    long, short = (make("recurrent_autoencoder", input_shape=(n, 2)) for n in (6, 4))
    for part in ("encoder", "bottleneck"):
        getattr(short, part).set_weights(getattr(long, part).get_weights())
    wanted = short.encode((series * mask)[:, :4])
    got = long.encode({"x": series, "mask": mask})
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


def test_a_learned_variance_is_trained_and_scored() -> None:
    likelihood = {"name": "gaussian", "scale": 0.5, "learned_variance": True}
    model = make("autoencoder", likelihood=likelihood)
    model.fit(X, epochs=2, verbose=0)
    mean, offset = np.split(ops.convert_to_numpy(model(X)["decoded"]), 2, axis=1)
    np.testing.assert_allclose(model.predict(X), mean, rtol=1e-5, atol=1e-6)
    wanted = -stats.norm.logpdf(X.astype("f8"), mean, 0.5 * np.exp(offset / 2)).sum(1)
    np.testing.assert_allclose(model.score(X), wanted, rtol=1e-4)


def test_training_counts_its_own_steps() -> None:
    model = make()
    model.fit(X, epochs=3, batch_size=8, verbose=0)
    assert int(ops.convert_to_numpy(model.step)) == 9
    model.evaluate(X, verbose=0)
    assert int(ops.convert_to_numpy(model.step)) == 9


def test_a_schedule_weighs_a_term_by_the_models_step() -> None:
    """Also after the model was compiled again, which sets the optimizer's own count to 0."""
    warm_up = keras.optimizers.schedules.PolynomialDecay(0.0, 8, 1.0)
    model, weights = make("beta_vae", beta=warm_up), []
    for _ in range(2):
        logs = still(model).fit(X, epochs=3, batch_size=20, verbose=0).history
        loss, reconstruction, kl = (np.array(logs[k]) for k in ("loss", "reconstruction", "kl"))
        weights += ((loss - reconstruction) / kl).tolist()
    assert weights == pytest.approx([0, 1 / 8, 2 / 8, 3 / 8, 4 / 8, 5 / 8], abs=1e-4)


def test_a_users_own_regularizer_joins_the_loss() -> None:
    layer = keras.layers.Dense(5, kernel_regularizer=keras.regularizers.L2(1.0))
    model = make("autoencoder", encoder=layer)
    logs = model.evaluate(X, verbose=0, return_dict=True)
    penalty = float((np.array(layer.get_weights()[0]) ** 2).sum())
    assert logs["loss"] == pytest.approx(logs["reconstruction"] + penalty, rel=1e-4)


def test_the_users_metrics_compare_the_reconstruction_with_its_target() -> None:
    model = make("autoencoder", normalize="standard")
    model.compile(optimizer="adam", metrics=["mse"])
    model.fit(5 + 3 * X, epochs=1, verbose=0)
    logged = model.evaluate(5 + 3 * X, verbose=0, return_dict=True)["mse"]
    wanted = ((model.predict(5 + 3 * X) - (5 + 3 * X)) ** 2).mean()
    assert logged == pytest.approx(wanted, rel=1e-4)


def test_a_loss_of_the_users_is_refused() -> None:
    model = make()
    model.compile(optimizer="adam", loss="mse")
    with pytest.raises(ValueError, match="the loss must be the model's objective"):
        model.fit(X, verbose=0)


def test_a_resumed_training_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    def train(model: Any, epochs: int, initial_epoch: int = 0) -> None:
        batches = ArrayBatches(X, batch_size=8, seed=1)
        model.fit(batches, epochs=epochs, initial_epoch=initial_epoch, verbose=0)

    keras.utils.set_random_seed(0)
    whole = make()
    train(whole, 4)
    keras.utils.set_random_seed(0)
    first = make()
    train(first, 2)
    first.save(tmp_path / "half.keras")
    keras.utils.set_random_seed(99)
    second = keras.saving.load_model(tmp_path / "half.keras")
    train(second, 4, initial_epoch=2)
    for a, b in zip(whole.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_the_same_seed_gives_the_same_training() -> None:
    results = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        model = make()
        results.append(model.fit(X, epochs=2, batch_size=8, verbose=0).history["loss"])
    assert results[0] == results[1]


def test_the_config_holds_what_was_said_and_not_the_defaults() -> None:
    config = make("beta_vae", beta=2.0).get_config()
    assert config["beta"] == 2.0
    assert config["hidden"] == [8]


def test_tuples_come_back_from_a_file_as_tuples(tmp_path: Path) -> None:
    options = {"input_shape": (6,), "latent_dim": 2, "critic_hidden": (4,)}
    model = keras_ae.create("adversarial_autoencoder", **options)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.event_shape == (6,)
    assert loaded.objective[1].arguments == model.objective[1].arguments


def test_the_dtype_policy_comes_back_with_the_model(tmp_path: Path) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        make().save(tmp_path / "model.keras")
    finally:
        keras.config.set_dtype_policy("float32")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.dtype_policy.name == "mixed_bfloat16"
    assert loaded.encoder.layers[-1].compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_large_numbers_are_scaled_before_half_precision_sees_them() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = make("autoencoder", normalize="standard")
    finally:
        keras.config.set_dtype_policy("float32")
    whole = make("autoencoder", normalize="standard")
    whole.set_weights(model.get_weights())
    salaries = 1e6 * (1 + X)
    for each in (model, whole):
        each.adapt(salaries)
    half, wanted = (ops.convert_to_numpy(each(salaries)["latent"]) for each in (model, whole))
    np.testing.assert_allclose(half.astype("float32"), wanted, atol=0.02)


def test_codes_of_a_custom_composition_are_drawn() -> None:
    model = keras_ae.LatentModel(
        (6,),
        bottleneck=Gaussian(2),
        objective=[Reconstruction(), KLDivergence()],
        hidden=[4],
        prior="standard_normal",
    )
    assert model.sample_posterior(X, samples=3, seed=0).shape == (3, len(X), 2)


def test_metrics_leave_missing_entries_out() -> None:
    gaps = np.where(RNG.random(X.shape) < 0.3, np.nan, X)
    model = make("autoencoder", missing="mask")
    model.compile(optimizer="adam", metrics=["mse"])
    logged = model.evaluate(gaps, verbose=0, return_dict=True)["mse"]
    squares = (model.predict(gaps) - gaps) ** 2
    assert logged == pytest.approx(np.nansum(squares) / X.size, rel=1e-4)


@keras.saving.register_keras_serializable("tests")
class LastObserved(keras.layers.Layer):
    """A layer of a user's that takes a mask over steps: the last step that is there."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.supports_masking = True

    def call(self, x: Any, mask: Any = None) -> Any:
        weights = ops.cast(ops.ones_like(x[..., 0]) if mask is None else mask, "float32")
        last = ops.cast(ops.sum(weights, axis=1) - 1, "int32")
        return ops.take_along_axis(x, last[:, None, None], axis=1)[:, 0]

    def compute_mask(self, x: Any, previous: Any = None) -> None:
        return None

    def compute_output_shape(self, shape: Any) -> Any:
        return (shape[0], shape[2])


@pytest.mark.parametrize(
    "encoder",
    [
        lambda: keras.Sequential([keras.layers.LSTM(4)]),
        lambda: keras.layers.GRU(4),
        lambda: keras.Sequential([keras.Input((5, 2)), keras.layers.LSTM(4)]),
        LastObserved,
    ],
    ids=["unbuilt", "bare", "built", "own"],
)
def test_a_users_encoder_of_sequences_is_given_the_mask(encoder: Any) -> None:
    sequences = RNG.random((3, 5, 2)).astype("float32")
    mask = np.array([[1, 1, 1, 0, 0]] * 3, "float32")
    other = np.where(mask[..., None] > 0, sequences, 9.0)
    model = make("autoencoder", input_shape=(5, 2), encoder=encoder(), decoder="mlp")
    codes = [model.encode({"x": x, "mask": mask}) for x in (sequences, other)]
    np.testing.assert_allclose(*codes, rtol=1e-6)
    unmasked = model.encode({"x": np.where(mask[..., None] > 0, sequences, 0.0)})
    assert np.abs(unmasked - codes[0]).max() > 1e-3


@pytest.mark.parametrize("hidden", [range(6, 9), np.array([6, 7]), (np.int64(6),)])
def test_sizes_of_any_kind_are_saved(hidden: Any, tmp_path: Path) -> None:
    model = make(hidden=hidden, latent_dim=np.int64(2))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_config()["hidden"] == [int(n) for n in hidden]
    assert loaded.latent_shape == (2,)
