from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

import keras_ae

X = np.random.default_rng(0).normal(size=(2, 6)).astype("float32")


def make(**options: Any) -> Any:
    """A model whose posteriors have one base, N(0, 1), for all rows."""
    model = keras_ae.create(
        "iaf_vae", input_shape=(6,), latent_dim=3, hidden=[4], flow_hidden=[8], steps=2, **options
    )
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(0.4 * rng.normal(size=variable.shape))
    for head in (model.bottleneck.mean_head, model.bottleneck.log_var_head):
        head.set_weights([np.zeros_like(w) for w in head.get_weights()])
    return model


def draw(model: Any, x: np.ndarray) -> dict[str, np.ndarray]:
    model.bottleneck.noise.reset_evaluation(3)
    outputs = model.autoencode(model.batch(ops.convert_to_tensor(x)), sample=True)
    return {key: ops.convert_to_numpy(value) for key, value in outputs.items()}


def test_the_maps_follow_from_the_example() -> None:
    """Rows with the same base and noise are drawn apart, by their contexts alone."""
    model = make()
    one, other = (draw(model, x[None]) for x in X)
    for key in ("base_mean", "base_log_var"):
        np.testing.assert_array_equal(one[key], other[key])
    assert abs(one["context"] - other["context"]).max() > 0.1
    assert abs(one["latent"] - other["latent"]).max() > 0.1
    assert abs(one["log_posterior"] - other["log_posterior"]).max() > 1e-3


def test_of_one_context_the_draws_are_alike() -> None:
    for model in (make(), make(context_dim=0)):
        if model.bottleneck.context_dim:
            head = model.bottleneck.context_head
            head.set_weights([np.zeros_like(w) for w in head.get_weights()])
        one, other = (draw(model, x[None]) for x in X)
        np.testing.assert_allclose(one["latent"], other["latent"], rtol=1e-6)


def test_a_draw_is_the_image_of_its_noise_with_the_maps_log_determinant() -> None:
    """Two steps of s z + (1 - s) m, s_i and m_i of z_<i: the Jacobian by differences."""
    model = make()
    found = draw(model, X[:1])
    model.bottleneck.noise.reset_evaluation(3)
    epsilon = ops.convert_to_numpy(model.bottleneck.noise.normal((1, 3)))

    def image(start: np.ndarray) -> np.ndarray:
        moved, _ = model.bottleneck.flow.transform(start.astype("float32"), found["context"])
        return ops.convert_to_numpy(moved).astype("f8")

    np.testing.assert_allclose(found["latent"], image(epsilon), rtol=1e-5)
    step = 1e-2
    jacobian = np.stack(
        [(image(epsilon + step * e) - image(epsilon - step * e))[0] / (2 * step) for e in np.eye(3)]
    )
    base = -0.5 * (epsilon.astype("f8") ** 2 + np.log(2 * np.pi)).sum()
    wanted = base - np.linalg.slogdet(jacobian)[1]
    np.testing.assert_allclose(found["log_posterior"], [wanted], atol=2e-2)
    assert abs(wanted - base) > 0.1
