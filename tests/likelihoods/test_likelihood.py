"""What every likelihood promises, whatever its density."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.distributions.noise import Noise
from keras_ae.likelihoods import PARTS, Elementwise, Likelihood, get
from tests.likelihoods import oracle

RNG = np.random.default_rng(17)
EVENT = (3, 4)


def reals() -> np.ndarray:
    return RNG.normal(size=(6, *EVENT))


def unit() -> np.ndarray:
    return RNG.random((6, *EVENT))


def counts() -> np.ndarray:
    return RNG.poisson(3.0, (6, *EVENT))


def hot() -> np.ndarray:
    return np.eye(4)[RNG.integers(0, 4, (6, 3))]


def halves(first: Callable[[], np.ndarray], second: Callable[[], np.ndarray]) -> np.ndarray:
    return np.concatenate([first()[..., :2], second()[..., 2:]], -1)


class Case(NamedTuple):
    """A likelihood by name, its numbers per number of the data, and data that it can score."""

    name: str
    options: dict[str, Any]
    blocks: int
    data: Callable[[], np.ndarray]

    def make(self) -> Likelihood:
        likelihood = get({"name": self.name, **self.options})
        likelihood.check_event(EVENT)
        return likelihood


MIXED = [{"name": "gaussian", "width": 2}, {"name": "poisson", "width": 2}]
SQUARE = {"edges"}  # of examples that are no graphs nothing is promised: test_edges.py
CASES = [
    Case("bernoulli", {}, 1, lambda: unit().round()),
    Case("gaussian", {}, 1, reals),
    Case("calibrated_gaussian", {}, 1, reals),
    Case("calibrated_gaussian", {"method": "learned"}, 1, reals),
    Case("continuous_bernoulli", {}, 1, unit),
    Case("laplace", {}, 1, reals),
    Case("laplace", {"learned_scale": True}, 2, reals),
    Case("student_t", {}, 1, reals),
    Case("student_t", {"learned": True}, 3, reals),
    Case("log_cosh", {"sharpness": 2.0}, 1, reals),
    Case("categorical", {"categories": 3}, 3, lambda: RNG.integers(0, 3, (6, *EVENT))),
    Case("one_hot_categorical", {}, 1, hot),
    Case("discretized_logistic", {"levels": 9}, 2, lambda: (unit() * 8).round() / 8),
    Case("discretized_logistic_mixture", {"components": 2, "levels": 9}, 6, lambda: hot() / 2),
    Case("beta", {}, 2, unit),
    Case("poisson", {}, 1, counts),
    Case("negative_binomial", {}, 2, counts),
    Case("zero_inflated_negative_binomial", {}, 3, counts),
    Case("multinomial", {}, 1, counts),
    Case("missing_not_at_random", {"of": "continuous_bernoulli"}, 1, unit),
    Case("missing_not_at_random", {"process": "nonlinear", "units": 5}, 1, reals),
    Case("mixed_tabular", {"columns": MIXED}, 1, lambda: halves(reals, counts)),
]
every = pytest.mark.parametrize("case", CASES, ids=lambda c: "-".join([c.name, *c.options]))


def decoded_of(case: Case, raw: float | None = None) -> np.ndarray:
    """Return what a decoder gives, normal or all one number."""
    shape = (6, 3, 4 * case.blocks)
    return (RNG.normal(size=shape) if raw is None else np.full(shape, raw)).astype("f4")


def test_every_registered_likelihood_is_tested_here() -> None:
    assert sorted({case.name for case in CASES}) == sorted(set(PARTS) - SQUARE)


@every
def test_its_name_is_its_class_in_snake_case(case: Case) -> None:
    camel = case.name.replace("_", "")
    assert type(case.make()).__name__.lower() == camel
    assert type(case.make()) is PARTS[case.name]


@every
def test_the_decoder_gives_its_blocks_on_the_last_axis(case: Case) -> None:
    assert tuple(case.make().decoded_shape(EVENT)) == (3, 4 * case.blocks)


@every
def test_values_means_and_draws_have_their_shapes_in_float32(case: Case) -> None:
    likelihood, x, decoded = case.make(), case.data().astype("f2"), decoded_of(case).astype("f2")
    for got, shape in (
        (likelihood.log_prob(decoded, x), (6,)),
        (likelihood.mean(decoded), x.shape),
        (likelihood.sample(decoded, Noise()), x.shape),
    ):
        assert tuple(got.shape) == shape
        assert keras.backend.standardize_dtype(got.dtype) == "float32"


@every
def test_half_precision_is_scored_in_float32(case: Case) -> None:
    likelihood, x, decoded = case.make(), case.data().astype("f2"), decoded_of(case).astype("f2")
    got = ops.convert_to_numpy(likelihood.log_prob(decoded, x))
    # A log-density near 0 is a difference of numbers near 1.
    np.testing.assert_allclose(got, oracle.log_prob(likelihood, decoded, x), rtol=1e-6, atol=1e-6)


@every
def test_a_rows_value_does_not_depend_on_other_rows(case: Case) -> None:
    likelihood, x, decoded = case.make(), case.data(), decoded_of(case)
    together = oracle.log_prob(likelihood, decoded, x)
    alone = [oracle.log_prob(likelihood, decoded[k : k + 1], x[k : k + 1])[0] for k in range(6)]
    oracle.assert_near(alone, together, 1e-6)


@every
def test_a_mask_of_ones_changes_nothing_and_one_of_zeros_leaves_nothing(case: Case) -> None:
    likelihood, x, decoded = case.make(), case.data(), decoded_of(case)
    whole = oracle.log_prob(likelihood, decoded, x)
    for axes in (1, 2, 3):
        ones = np.ones(x.shape[:axes], "f4")
        oracle.assert_near(oracle.log_prob(likelihood, decoded, x, ones), whole, 1e-6)
        if not likelihood.draws_gaps:  # to which it matters that all is missing
            assert not oracle.log_prob(likelihood, decoded, x, 0 * ones).any()


@every
def test_its_own_draws_lie_in_its_support_whatever_the_decoder_gives(case: Case) -> None:
    likelihood = case.make()
    for raw in (None, -100.0, 0.0, 100.0):
        # A Student t of 7e-4 degrees lies beyond float32 more often than not.
        if raw == -100 and case.name == "student_t":
            continue
        drawn = ops.convert_to_numpy(likelihood.sample(decoded_of(case, raw), Noise()))
        assert np.isfinite(drawn).all()
        likelihood.check_support(drawn)


@every
@pytest.mark.parametrize("noise", [0.0, 1 - 2.0**-24])
def test_draws_are_finite_at_the_ends_of_the_noise(case: Case, noise: float) -> None:
    drawn = case.make().sample(decoded_of(case), oracle.Constant(noise))
    assert np.isfinite(ops.convert_to_numpy(drawn)).all()


@every
def test_draws_are_new_for_every_row_and_repeat_with_the_seed(case: Case) -> None:
    likelihood, decoded, noise = case.make(), decoded_of(case, 1.0), Noise()
    found = []
    for _ in range(2):
        noise.reset_evaluation(3)
        found.append(ops.convert_to_numpy(likelihood.sample(decoded, noise)))
    np.testing.assert_array_equal(*found)
    assert len(np.unique(found[0].reshape(6, -1), axis=0)) > 1


@every
def test_its_own_draws_are_scored_finitely(case: Case) -> None:
    likelihood, decoded = case.make(), decoded_of(case)
    drawn = ops.convert_to_numpy(likelihood.sample(decoded, Noise()))
    oracle.assert_finite(likelihood, decoded, drawn)


@every
def test_data_that_are_not_observed_are_no_reason_to_refuse(case: Case) -> None:
    x = case.data().astype("f4")
    x[0] = np.nan
    case.make().check_support(x)
    case.make().check_support(np.full_like(x, np.nan))


def test_whole_numbers_are_not_told_to_be_scaled() -> None:
    with pytest.raises(ValueError, match="Scale them, or take another likelihood"):
        get("poisson").check_support(np.array([[-1.0]]))


def end_of(case: Case, distance: float) -> float:
    """Return the number of the last column's support from which a point is so far outside."""
    likelihood: Any = case.make()
    last = likelihood.likelihoods[-1] if case.name == "mixed_tabular" else likelihood
    end = float(last.support[int(distance > 0)])
    # Between whole numbers there is nothing either.
    return 3.0 if np.isinf(end) and last.whole and distance == 0.25 else end


OUTSIDE = [
    pytest.param(case, distance, id=f"{'-'.join([case.name, *case.options])}-{distance}")
    for case in CASES
    for distance in (-0.25, -2.0, 0.25, 7.0)
    if np.isfinite(end_of(case, distance))
]


def test_a_bounded_or_whole_support_has_an_outside() -> None:
    found = {str(param.values[0].name) for param in OUTSIDE}  # type: ignore[union-attr]
    everywhere = {"gaussian", "calibrated_gaussian", "laplace", "student_t", "log_cosh"}
    assert found == set(PARTS) - everywhere - SQUARE


@pytest.mark.parametrize(("case", "distance"), OUTSIDE)
def test_an_entry_outside_is_less_likely_than_the_nearest_one_by_its_distance(
    case: Case, distance: float
) -> None:
    likelihood, x, decoded = case.make(), case.data().astype("f4"), decoded_of(case)
    x[:, 1, 3] = end = end_of(case, distance)
    nearest = oracle.log_prob(likelihood, decoded, x)
    x[:, 1, 3] = end + distance
    wanted = nearest - 1_000 * abs(distance)
    oracle.assert_near(oracle.log_prob(likelihood, decoded, x), wanted, 1e-6)
    assert np.isfinite(oracle.log_prob_gradient(likelihood, decoded, x)).all()
    mask = np.ones_like(x)
    mask[:, 1, 3] = 0
    hidden = np.where(mask > 0, x, 0)
    np.testing.assert_array_equal(
        oracle.log_prob(likelihood, decoded, x, mask),
        oracle.log_prob(likelihood, decoded, hidden, mask),
    )


@every
def test_noise_that_leads_out_of_the_support_is_moved_back_and_encoded_finitely(case: Case) -> None:
    likelihood, x = case.make(), np.repeat(np.linspace(-5, 5, 6)[:, None, None], 4, 2)
    x = np.repeat(x, 3, 1).astype("f4")
    found = ops.convert_to_numpy(likelihood.nearest(ops.convert_to_tensor(x)))
    if case.name == "mixed_tabular":
        wanted = np.concatenate([x[..., :2], np.maximum(x[..., 2:], 0)], -1)
    else:
        wanted = np.clip(x, *likelihood.support)
    np.testing.assert_array_equal(found, wanted)
    given = ops.convert_to_numpy(likelihood.encoder_input(ops.convert_to_tensor(x)))
    assert np.isfinite(given).all()


@every
def test_what_lies_inside_is_scored_to_the_bit_as_the_density_says(case: Case) -> None:
    likelihood, x, decoded = case.make(), case.data().astype("f4"), decoded_of(case)
    if not isinstance(likelihood, Elementwise):
        return
    given = ops.convert_to_tensor(decoded), ops.convert_to_tensor(x)
    wanted = ops.sum(likelihood.elementwise_log_prob(*given), (1, 2))
    got = likelihood.log_prob(*given)
    np.testing.assert_array_equal(ops.convert_to_numpy(got), ops.convert_to_numpy(wanted))


@every
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only its graphs know none")
def test_a_graph_need_not_know_the_batch_nor_another_axis(case: Case) -> None:
    import tensorflow as tf

    likelihood, noise, x, decoded = case.make(), Noise(), case.data(), decoded_of(case)
    spec = [tf.TensorSpec([None, None, width], "float32") for width in (decoded.shape[-1], 4)]

    @tf.function(input_signature=[*spec, spec[1]])
    def graph(decoded: Any, x: Any, mask: Any) -> Any:
        value = likelihood.log_prob(decoded, x, mask)
        return value, likelihood.mean(decoded), likelihood.sample(decoded, noise)

    value, mean, drawn = graph(decoded, x.astype("f4"), np.ones_like(x, "f4"))
    oracle.assert_near(value, oracle.log_prob(likelihood, decoded, x), 1e-5)
    oracle.assert_near(mean, ops.convert_to_numpy(likelihood.mean(decoded)))
    assert drawn.shape == x.shape


@every
def test_a_copy_from_its_config_scores_alike(case: Case) -> None:
    likelihood, x, decoded = case.make(), case.data(), decoded_of(case)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(likelihood))
    assert copy.get_config() == likelihood.get_config()
    copy.check_event(EVENT)
    copy.set_weights(likelihood.get_weights())
    np.testing.assert_array_equal(
        oracle.log_prob(copy, decoded, x), oracle.log_prob(likelihood, decoded, x)
    )


@pytest.mark.parametrize(
    ("name", "option"),
    [("gaussian", "learned_variance"), ("laplace", "learned_scale"), ("student_t", "learned")],
)
def test_whether_a_scale_is_learned_is_true_or_false(name: str, option: str) -> None:
    with pytest.raises(ValueError, match=f"`{option}` must be True or False. Received: .*'no'"):
        get({"name": name, option: "no"})
    assert get({"name": name, option: np.True_}).get_config()[option] is True


def test_no_likelihood_is_refused() -> None:
    with pytest.raises(ValueError, match="a likelihood must be a name.*Received: None"):
        get(None)
