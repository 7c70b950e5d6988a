from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

import keras_ae

X = np.random.default_rng(0).normal(size=(9, 6)).astype("float32")


def make(**options: Any) -> Any:
    return keras_ae.create("info_vae", input_shape=(6,), latent_dim=2, hidden=[4], **options)


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ({}, [1.0, 1.0, 999.0]),
        ({"alpha": 0.5, "scale": 10.0}, [1.0, 0.5, 9.5]),
        ({"alpha": 1.0, "scale": 3.0}, [1.0, 0.0, 3.0]),  # the Wasserstein autoencoder
        ({"alpha": -2.0, "scale": 3.5}, [1.0, 3.0, 0.5]),
    ],
)
def test_its_weights_are_those_of_equation_6(options: Any, weights: list[float]) -> None:
    """1, 1 - alpha and alpha + lambda - 1, the last positive by default too."""
    assert [term.weight for term in make(**options).objective] == pytest.approx(weights)


@pytest.mark.parametrize(
    ("alpha", "scale"),
    [(0.0, 0.001), (0.0, 1.0), (-1.0, 2.0), (1.5, 2.0), (float("nan"), 2.0), (0.0, float("nan"))],
)
def test_a_discrepancy_that_would_be_rewarded_is_refused(alpha: float, scale: float) -> None:
    with pytest.raises(ValueError, match=r"`alpha` must be at most 1 and `alpha \+ scale` more"):
        make(alpha=alpha, scale=scale)


def test_the_loss_is_numpys() -> None:
    model = make(alpha=0.25, scale=5.0)
    batch = ops.convert_to_tensor(X)
    outputs = model.autoencode(model.batch(batch), training=False, sample=True)
    term = model.objective[2]
    term.noise.reset_evaluation(4)
    loss = float(ops.convert_to_numpy(model.compute_loss(batch, None, outputs, training=False)))
    term.noise.reset_evaluation(4)
    drawn = ops.convert_to_numpy(model.prior.sample((9, 2), term.noise)).astype("f8")
    mean, log_var, z, decoded = (
        ops.convert_to_numpy(outputs[key]).astype("f8")
        for key in ("mean", "log_var", "latent", "decoded")
    )
    distortion = (0.5 * (X - decoded) ** 2 + 0.5 * np.log(2 * np.pi)).sum(1).mean()
    rate = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(1).mean()

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.exp(-((a[:, None] - b) ** 2).sum(2) / 4)  # 2 d s^2

    pairs = 9 * 8
    discrepancy = (kernel(z, z).sum() - 9) / pairs + (kernel(drawn, drawn).sum() - 9) / pairs
    discrepancy = discrepancy - 2 * kernel(z, drawn).mean()
    assert loss == pytest.approx(distortion + 0.75 * rate + 4.25 * discrepancy, rel=1e-5)


def test_it_trains() -> None:
    model = make()
    model.compile("adam")
    history = model.fit(X, epochs=2, batch_size=4, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
