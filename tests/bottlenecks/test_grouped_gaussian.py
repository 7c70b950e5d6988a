"""Posteriors that members of a group share, beside NumPy, and models that train on groups."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.bottlenecks import GroupedGaussian
from keras_ae.priors import StandardNormal
from keras_ae.typing import Batch

RNG = np.random.default_rng(0)
MEAN, LOG_VAR, Z = RNG.normal(size=(3, 6, 4)).astype("f4")
PAIRS = RNG.random((12, 2, 5)).astype("f4")


class Of:
    """What of a model is looked at."""

    def __init__(self, group_size: int) -> None:
        self.group_size = group_size


def refined(bottleneck: Any, group_size: int, grouped: bool = True) -> dict[str, np.ndarray]:
    bottleneck.build((None, 3))
    ones = ops.ones((6,)) if grouped else None
    batch = Batch(ops.zeros((6, 3)), ops.zeros((6, 3)), grouped=ones)
    given = {"mean": MEAN, "log_var": LOG_VAR, "latent": Z}
    outputs = bottleneck.refine(
        Of(group_size), batch, {k: ops.convert_to_tensor(v) for k, v in given.items()}
    )
    return {k: ops.convert_to_numpy(v).astype("f8") for k, v in outputs.items()}


def test_rows_that_stand_alone_keep_their_posteriors() -> None:
    found = refined(GroupedGaussian(4), 2, grouped=False)
    np.testing.assert_array_equal(found["mean"], MEAN)
    assert set(found) == {"mean", "log_var", "latent"}


@pytest.mark.parametrize("pooling", ["mean", "product"])
def test_pairs_share_what_differs_less_than_the_middle_of_their_divergences(pooling: Any) -> None:
    found = refined(GroupedGaussian(4, pooling=pooling), 2)
    mean, variance = (
        MEAN.reshape(3, 2, 4).astype("f8"),
        np.exp(LOG_VAR.reshape(3, 2, 4), dtype="f8"),
    )
    for pair in range(3):
        (a, b), (s, t) = mean[pair], variance[pair]
        apart = np.log(np.sqrt(t / s)) + (s + (a - b) ** 2) / (2 * t) - 0.5
        shared = apart < (apart.min() + apart.max()) / 2
        assert 0 < shared.sum() < 4
        if pooling == "mean":
            one, wide = (a + b) / 2, (s + t) / 2
        else:
            wide = s * t / (s + t)
            one = wide * (a / s + b / t)
        for member in range(2):
            row = 2 * pair + member
            wanted = np.where(shared, one, mean[pair, member])
            np.testing.assert_allclose(found["mean"][row], wanted, rtol=1e-5, atol=1e-6)
            wanted = np.where(shared, wide, variance[pair, member])
            np.testing.assert_allclose(np.exp(found["log_var"][row]), wanted, rtol=1e-5)


def test_each_draw_keeps_its_noise() -> None:
    found = refined(GroupedGaussian(4), 2)
    noise = (Z - MEAN) * np.exp(-0.5 * LOG_VAR)
    wanted = found["mean"] + np.exp(0.5 * found["log_var"]) * noise
    np.testing.assert_allclose(found["latent"], wanted, rtol=1e-4, atol=1e-5)


def test_a_group_has_one_draw_of_its_content_and_its_rate_counts_once() -> None:
    bottleneck = GroupedGaussian(4, shared=3, pooling="product", once=True)
    found = refined(bottleneck, 3)
    for start in (0, 3):
        for key in ("mean", "log_var", "latent"):
            assert np.ptp(found[key][start : start + 3, :3], axis=0).max() < 1e-6
            assert np.ptp(found[key][start : start + 3, 3]) > 1e-3
        precision = np.exp(-LOG_VAR[start : start + 3].astype("f8"))
        one = (precision * MEAN[start : start + 3]).sum(0) / precision.sum(0)
        np.testing.assert_allclose(found["mean"][start, :3], one[:3], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            np.exp(-found["log_var"][start, :3]), precision.sum(0)[:3], rtol=1e-5
        )
    tensors = {k: ops.convert_to_tensor(v.astype("f4")) for k, v in found.items()}
    rate = ops.convert_to_numpy(bottleneck.kl(tensors, StandardNormal()))
    whole = 0.5 * (found["mean"] ** 2 + np.exp(found["log_var"]) - 1 - found["log_var"])
    np.testing.assert_allclose(rate, whole * [1 / 3, 1 / 3, 1 / 3, 1], rtol=1e-4, atol=1e-6)


def test_what_cannot_be_shared_is_refused() -> None:
    for shared in (0, 5):
        with pytest.raises(ValueError, match="from 1 to 4 coordinates"):
            GroupedGaussian(4, shared=shared)
    with pytest.raises(ValueError, match="'mean' or 'product'"):
        GroupedGaussian(4, pooling="sum")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a divergence in closed form"):
        keras_ae.create("ml_vae", input_shape=(5,), latent_dim=4, prior="gaussian_mixture")
    with pytest.raises(ValueError, match="at least 2"):
        keras_ae.create("ml_vae", input_shape=(5,), group_size=1)


def model(name: str = "ada_gvae", **options: Any) -> Any:
    made = keras_ae.create(name, input_shape=(5,), latent_dim=3, hidden=[8], **options)
    made.compile(keras.optimizers.Adam(1e-2), metrics=["mse"])
    return made


def test_a_batch_of_groups_is_a_batch_of_their_members() -> None:
    mask = (RNG.random(PAIRS.shape) < 0.7).astype("f4")
    batch = model().batch({"x": ops.convert_to_tensor(PAIRS), "mask": ops.convert_to_tensor(mask)})
    np.testing.assert_array_equal(ops.convert_to_numpy(batch.grouped), np.ones(24))
    np.testing.assert_array_equal(ops.convert_to_numpy(batch.target), PAIRS.reshape(24, 5))
    np.testing.assert_array_equal(ops.convert_to_numpy(batch.mask), mask.reshape(24, 5))


def test_weights_of_groups_are_their_members() -> None:
    weights = RNG.random(12).astype("f4")
    trained, x = model(), PAIRS
    noisy = dict(seed=3, verbose=0, return_dict=True, batch_size=12)
    found = trained.evaluate(x, sample_weight=weights, **noisy)
    zero = trained.evaluate(x, sample_weight=0 * weights, **noisy)
    assert zero["loss"] == 0.0
    doubled = trained.evaluate(x, sample_weight=2 * weights, **noisy)
    assert doubled["loss"] == pytest.approx(2 * found["loss"], rel=1e-5)
    for index in (0, 11):
        one = np.eye(12, dtype="f4")[index]
        alone = trained.evaluate(x, sample_weight=one, **noisy)
        # The same noise reaches the group in its own place, beside others that do not count.
        others = x.copy()
        others[np.arange(12) != index] = 7.0
        again = trained.evaluate(others, sample_weight=one, **noisy)
        assert again["loss"] == pytest.approx(alone["loss"], rel=1e-5)


def test_examples_are_told_that_they_should_be_groups_in_training_alone() -> None:
    trained = model()
    with pytest.raises(ValueError, match=r"rows of the shape \(2, 5\)"):
        trained.fit(PAIRS[:, 0], verbose=0)
    trained.fit(PAIRS, epochs=1, validation_data=PAIRS[:, 0], verbose=0)
    assert np.isfinite(trained.evaluate(PAIRS[:, 0], verbose=0)[0])
    with pytest.raises(ValueError, match="shape"):
        trained.encode(PAIRS)
    with pytest.raises(ValueError, match="shape"):
        trained.fit(RNG.random((12, 3, 5)), verbose=0)
    with pytest.raises(ValueError, match="trains on groups"):
        trained.train_on_batch(PAIRS[:, 0])


def test_every_member_has_a_condition_of_its_own() -> None:
    trained = model(condition={"name": "label", "categories": 2})
    with pytest.raises(ValueError, match="one for each of the 2 members"):
        trained.fit({"x": PAIRS, "condition": np.zeros(12, "int32")}, verbose=0)


def test_a_prior_that_starts_from_data_is_given_members() -> None:
    model(prior={"name": "vamp", "components": 4}).fit(PAIRS, epochs=1, verbose=0)


def test_a_scaling_is_measured_on_all_members() -> None:
    trained = model(normalize="standard")
    trained.fit(PAIRS, epochs=1, verbose=0)
    flat = PAIRS.reshape(-1, 5)
    np.testing.assert_allclose(
        ops.convert_to_numpy(trained.normalizer.offset), flat.mean(0), rtol=1e-4
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(trained.normalizer.scale), flat.std(0), rtol=1e-4
    )


def test_pairs_that_differ_in_one_factor_keep_the_others_apart() -> None:
    # Two factors, each seen in its own columns; the pair differs in one of the two.
    rng = np.random.default_rng(1)
    factors = rng.normal(size=(2_000, 2, 2))
    same = rng.integers(0, 2, 2_000)
    factors[np.arange(2_000), 1, same] = factors[np.arange(2_000), 0, same]
    x = (factors @ rng.normal(size=(2, 6)) + 0.05 * rng.normal(size=(2_000, 2, 6))).astype("f4")
    scale = {"name": "gaussian", "scale": 0.1}
    keras.utils.set_random_seed(0)
    trained = keras_ae.create(
        "ada_gvae", input_shape=(6,), latent_dim=2, hidden=[32], likelihood=scale
    )
    trained.compile(keras.optimizers.Adam(3e-3))
    trained.fit(x, batch_size=64, epochs=15, verbose=0)
    codes, wanted = trained.encode(x[:, 0]), factors[:, 0]
    correlation = abs(np.corrcoef(codes.T, wanted.T)[:2, 2:])
    best = max(correlation[0, 0] * correlation[1, 1], correlation[0, 1] * correlation[1, 0])
    assert best > 0.8
