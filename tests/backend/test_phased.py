from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

import keras_ae
from keras_ae.backend import phased
from keras_ae.backend.phased import Phase
from keras_ae.bottlenecks import Deterministic
from keras_ae.distributions.noise import Noise
from keras_ae.objectives import Reconstruction
from keras_ae.priors.prior import Prior

X = np.random.default_rng(0).random((32, 6)).astype("float32")


@keras.saving.register_keras_serializable("tests")
class FixedDraws(Prior):
    """The same draws on every backend, so that whole trainings can be compared."""

    def __init__(self) -> None:
        super().__init__()

    def log_prob(self, z: Any, model: Any = None) -> Any:
        return 0.0 * z

    def sample(self, shape: Any, noise: Noise, training: bool = False, model: Any = None) -> Any:
        angles = ops.cast(ops.arange(shape[0]), "float32")
        return ops.stack([ops.sin(angles), ops.cos(angles)], axis=1)


def make(optimizer: Any = None, **options: Any) -> Any:
    model = keras_ae.create(
        "adversarial_autoencoder",
        **{
            **{"input_shape": (6,), "latent_dim": 2, "hidden": [5], "critic_hidden": [4]},
            **{"alternate": True, "prior": FixedDraws(), **options},
        },
    )
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(scale=0.3, size=variable.shape).astype("float32"))
    model.compile(optimizer=optimizer or keras.optimizers.Adam(0.01, clipnorm=1.0), metrics=["mse"])
    return model


def trained(epochs: int = 10) -> list[np.ndarray]:
    model = make()
    model.fit(X, epochs=epochs, batch_size=8, shuffle=False, verbose=0)
    return [ops.convert_to_numpy(v) for v in model.trainable_variables]


def numpy_step(weights: list[np.ndarray], x: np.ndarray, rate: float) -> list[np.ndarray]:
    """One step of the paper's three, by hand, with plain gradients."""
    w1, b1, wc, bc, w2, b2, wo, bo, v1, c1, v2, c2 = (w.astype("f8") for w in weights)
    n = len(x)

    def encode() -> tuple[np.ndarray, np.ndarray]:
        a = x @ w1 + b1
        return a, np.maximum(a, 0) @ wc + bc

    def critic(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a = z @ v1 + c1
        return a, (np.where(a > 0, a, 0.2 * a) @ v2 + c2)[:, 0]

    def critic_gradients(z: np.ndarray, d_logit: np.ndarray) -> list[np.ndarray]:
        a, _ = critic(z)
        h = np.where(a > 0, a, 0.2 * a)
        d_a = (d_logit[:, None] @ v2.T) * np.where(a > 0, 1.0, 0.2)
        return [z.T @ d_a, d_a.sum(0), h.T @ d_logit[:, None], d_logit.sum(0, keepdims=True), d_a]

    def encoder_gradients(d_z: np.ndarray, a: np.ndarray) -> list[np.ndarray]:
        d_a = (d_z @ wc.T) * (a > 0)
        return [x.T @ d_a, d_a.sum(0), np.maximum(a, 0).T @ d_z, d_z.sum(0)]

    # Reconstruction: encoder and decoder.
    a, z = encode()
    g = z @ w2 + b2
    out = np.maximum(g, 0) @ wo + bo
    d_out = (out - x) / n
    d_g = (d_out @ wo.T) * (g > 0)
    moves = encoder_gradients(d_g @ w2.T, a)
    moves += [z.T @ d_g, d_g.sum(0), np.maximum(g, 0).T @ d_out, d_out.sum(0)]
    w1, b1, wc, bc, w2, b2, wo, bo = (
        w - rate * m for w, m in zip((w1, b1, wc, bc, w2, b2, wo, bo), moves, strict=True)
    )
    # Critic: draws are real, codes are not.
    _, z = encode()
    drawn = np.stack([np.sin(np.arange(n)), np.cos(np.arange(n))], 1)
    on_prior, on_codes = critic(drawn)[1], critic(z)[1]
    real = critic_gradients(drawn, -1 / (1 + np.exp(on_prior)) / n)
    fake = critic_gradients(z, 1 / (1 + np.exp(-on_codes)) / n)
    v1, c1, v2, c2 = (
        w - rate * (r + f) for w, r, f in zip((v1, c1, v2, c2), real, fake, strict=False)
    )
    # Encoder: the codes are to look real.
    a, z = encode()
    d_a = critic_gradients(z, -1 / (1 + np.exp(critic(z)[1])) / n)[4]
    moves = encoder_gradients(d_a @ v1.T, a)
    w1, b1, wc, bc = (w - rate * m for w, m in zip((w1, b1, wc, bc), moves, strict=True))
    return [w1, b1, wc, bc, w2, b2, wo, bo, v1, c1, v2, c2]


def ordered(model: Any) -> list[Any]:
    critic = model.objective[1].critic
    return [
        *(*model.encoder.trainable_variables, *model.bottleneck.trainable_variables),
        *(*model.decoder.trainable_variables, *critic.trainable_variables),
    ]


def test_a_step_is_the_papers_three_steps_written_in_numpy() -> None:
    model = make(keras.optimizers.SGD(0.1))
    weights = [ops.convert_to_numpy(v) for v in ordered(model)]
    model.fit(X[:8], batch_size=8, epochs=2, shuffle=False, verbose=0)
    for _ in range(2):
        weights = numpy_step(weights, X[:8], 0.1)
    for variable, wanted in zip(ordered(model), weights, strict=True):
        np.testing.assert_allclose(
            ops.convert_to_numpy(variable), wanted, rtol=1e-4, atol=1e-5, err_msg=variable.path
        )


def test_every_step_is_counted_and_every_term_logged() -> None:
    model = make()
    history = model.fit(X, epochs=2, batch_size=8, validation_data=X, verbose=0).history
    assert {"loss", "reconstruction", "adversarial", "mse", "val_loss"} <= set(history)
    assert int(ops.convert_to_numpy(model.step)) == 8
    counts = [int(ops.convert_to_numpy(m.iterations)) for m in model.optimizer.optimizers.values()]
    assert counts == [8, 8, 8]


def test_the_loss_of_phases_is_logged_with_the_weights_of_rows() -> None:
    model = make(keras.optimizers.SGD(0.0))
    weights = np.linspace(0.0, 1.0, len(X), dtype="float32")
    logs = model.fit(X, sample_weight=weights, verbose=0).history
    wanted = (weights * -stats.norm.logpdf(X, model.predict(X)).sum(1)).mean()
    assert logs["reconstruction"] == pytest.approx([wanted], rel=1e-5)
    assert logs["loss"] == pytest.approx([logs["adversarial"][0] + wanted], rel=1e-5)


def test_the_rows_weights_scale_the_gradients_of_phases() -> None:
    model = make(keras.optimizers.SGD(0.1))
    before = model.decoder.get_weights()
    model.fit(X, sample_weight=np.zeros(len(X), "float32"), verbose=0)
    for a, b in zip(model.decoder.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_phase_is_repeated_and_each_pass_moves_the_layers_own_state() -> None:
    norm = keras.layers.BatchNormalization(momentum=0.5, scale=False)
    phases = [
        Phase("encoder", lambda m: [m.encoder, m.bottleneck], ("reconstruction",), repeats=2),
        Phase("decoder", lambda m: [m.decoder], ("reconstruction",)),
    ]
    model = keras_ae.LatentModel(
        (6,),
        encoder=keras.Sequential([keras.Input((6,)), norm]),
        decoder="mlp",
        bottleneck=Deterministic(2),
        objective=[Reconstruction()],
        phases=phases,
    )
    model.compile(keras.optimizers.SGD(0.0))
    model.fit(X, batch_size=len(X), verbose=0)
    moved = ops.convert_to_numpy(norm.moving_mean)
    np.testing.assert_allclose(moved, (1 - 0.5**3) * X.mean(0), rtol=1e-5)


def test_a_saved_model_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    whole, half = make(), make()
    for model, epochs in ((whole, 4), (half, 2)):
        model.fit(X, epochs=epochs, batch_size=8, shuffle=False, verbose=0)
    half.save(tmp_path / "half.keras")
    loaded = keras.saving.load_model(tmp_path / "half.keras")
    loaded.fit(X, epochs=2, batch_size=8, shuffle=False, verbose=0)
    for a, b in zip(loaded.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_layers_are_found_by_their_names_in_a_model() -> None:
    model = make()
    parts = {"encoder": model.encoder, "bottleneck": model.bottleneck, "decoder": model.decoder}
    for names in (("decoder",), ("encoder", "bottleneck"), ("decoder", "encoder")):
        found = phased.layers(*names)(model)
        assert len(found) == len(names)
        assert all(layer is parts[name] for name, layer in zip(names, found, strict=True))
    other = make()
    assert phased.layers("encoder")(other)[0] is other.encoder


def test_critics_are_those_of_the_objectives_terms_in_order() -> None:
    model = make(clusters=3, prior="standard_normal")
    style, clusters = (term.critic for term in model.objective[1:])
    found = phased.critics(model)
    assert len(found) == 2
    assert found[0] is style
    assert found[1] is clusters
    assert phased.critics(keras_ae.create("vae", input_shape=(6,), latent_dim=2)) == []


def test_a_phase_moves_the_trainable_weights_of_its_layers_each_once() -> None:
    model = make()
    names = ("encoder", "decoder")
    wanted = [*model.encoder.trainable_variables, *model.decoder.trainable_variables]
    found = Phase("both", phased.layers(*names), ("reconstruction",)).variables(model)
    assert [id(v) for v in found] == [id(v) for v in wanted]
    critic = Phase("critic", phased.critics, ("adversarial",)).variables(model)
    wanted = model.objective[1].critic.trainable_variables
    assert [id(v) for v in critic] == [id(v) for v in wanted]
    model.decoder.trainable = False
    found = Phase("both", phased.layers(*names), ("reconstruction",)).variables(model)
    assert [id(v) for v in found] == [id(v) for v in model.encoder.trainable_variables]


@pytest.mark.slow
def test_all_backends_train_to_the_same_weights(tmp_path: Path) -> None:
    here = trained()
    for backend in ("jax", "tensorflow", "torch"):
        path = tmp_path / f"{backend}.npz"
        code = (
            "import sys, numpy as np\n"
            f"from {__name__} import trained\n"
            "np.savez(sys.argv[1], *trained())"
        )
        environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.getcwd()}
        subprocess.run([sys.executable, "-c", code, str(path)], env=environment, check=True)
        with np.load(path) as there:
            for a, b in zip(here, there.values(), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=5e-6)


@pytest.mark.parametrize("names", [("reconstruction",), ("reconstruction", "l2")])
def test_phases_must_minimise_the_terms_that_there_are(names: tuple[str, ...]) -> None:
    phase = phased.Phase("all", phased.layers("encoder", "decoder"), names)
    with pytest.raises(ValueError, match=r"all terms.*'l1_sparsity', 'reconstruction'"):
        keras_ae.LatentModel(
            (5,),
            bottleneck=keras_ae.bottlenecks.Deterministic(2),
            objective=[
                keras_ae.objectives.Reconstruction(),
                keras_ae.objectives.L1Sparsity(),
            ],
            phases=[phase],
        )
