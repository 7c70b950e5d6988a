"""Priors over codes that fill in what is masked."""

from __future__ import annotations

import itertools
import math
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import log_softmax, logsumexp
from scipy.stats import chisquare

import keras_ae
from keras_ae.distributions.noise import Noise
from keras_ae.samplers import MaskedTransformer
from keras_ae.samplers.code_prior import Likelihood
from keras_ae.samplers.masked_transformer import _least
from tests.networks import tokens as oracle
from tests.samplers import codes

RNG = np.random.default_rng(0)
EVERY = codes.every(3, 4)
MASK = 3
"""What stands for a masked number: the token after all numbers."""


def model(tokens: int = 4) -> Any:
    keras.utils.set_random_seed(0)
    return keras_ae.create(
        "vq_vae", input_shape=(5,), latent_dim=2, num_codes=3, tokens=tokens, hidden=[8]
    )


def prior_of(tokens: int = 4, **options: Any) -> Any:
    """A prior that was not trained, with weights that make rows unlike."""
    prior = MaskedTransformer(width=8, depth=1, heads=2, **options)
    prior.make_weights_for(model(tokens))
    for weight in prior.network.weights:
        weight.assign(RNG.normal(size=weight.shape) * 0.6)
    return prior


def keep(noise: Noise) -> list[np.ndarray]:
    """Have uniform noise be of NumPy, and return the list that is to hold all draws."""
    drawn: list[np.ndarray] = []

    def draw(kind: str, shape: Any, training: bool) -> Any:
        assert kind == "uniform"
        drawn.append(RNG.random(tuple(int(n) for n in shape)).astype("f4"))
        return ops.convert_to_tensor(drawn[-1])

    setattr(noise, "draw", draw)  # noqa: B010
    return drawn


def watch(network: Any) -> list[np.ndarray]:
    """Return the list that is to hold all tokens that a network is given."""
    given, call = [], network.call

    def kept(tokens: Any, **options: Any) -> Any:
        given.append(np.array(ops.convert_to_numpy(tokens)))
        return call(tokens, **options)

    setattr(network, "call", kept)  # noqa: B010
    return given


def log_probs(prior: Any, given: np.ndarray) -> np.ndarray:
    """The paper's log p(k_i = . | what is not masked), `(batch, length, numbers)`."""
    weights = {layer.name: layer.get_weights() for layer in prior.network.layers}
    return log_softmax(oracle.transformer(weights, given, causal=False), axis=-1)


def of_masked(prior: Any, rows: np.ndarray, masked: np.ndarray) -> np.ndarray:
    """N / m times the sum of log p of the m masked numbers of each row."""
    found = log_probs(prior, np.where(masked, MASK, rows))
    chosen = np.take_along_axis(found, rows[..., None], axis=-1)[..., 0]
    return rows.shape[1] * (chosen * masked).sum(1) / masked.sum(1)


def bound(prior: Any, rows: np.ndarray) -> np.ndarray:
    """Hoogeboom et al. (2022), equation 7: the mean over steps, and over orders up to each."""
    length = rows.shape[1]
    of_counts = [
        np.mean(
            [
                of_masked(prior, rows, np.tile(np.isin(range(length), places), (len(rows), 1)))
                for places in itertools.combinations(range(length), masked)
            ],
            axis=0,
        )
        for masked in range(1, length + 1)
    ]
    return np.mean(of_counts, axis=0)


def of_any_order(prior: Any, rows: np.ndarray) -> np.ndarray:
    """Log E prod_t p(k_s(t) | k_s(1), ..., k_s(t - 1)) over all orders s."""
    of_orders = []
    for order in itertools.permutations(range(rows.shape[1])):
        total = np.zeros(len(rows))
        for step, place in enumerate(order):
            given = np.where(np.isin(range(rows.shape[1]), order[:step]), rows, MASK)
            found = log_probs(prior, given)[:, place]
            total += np.take_along_axis(found, rows[:, [place]], axis=1)[:, 0]
        of_orders.append(total)
    return logsumexp(of_orders, axis=0) - math.log(len(of_orders))


def frequent(masked: np.ndarray, shares: np.ndarray) -> float:
    """Return the p-value of masks whose count m has a share, and any m places the same."""
    length = masked.shape[1]
    every = np.array(list(itertools.product([False, True], repeat=length)))[1:]
    count = every.sum(1)
    wanted = shares[count - 1] / np.array([math.comb(length, m) for m in count])
    found = np.bincount(masked @ 2 ** np.arange(length)[::-1], minlength=2**length)
    assert found[0] == 0  # something is masked
    return float(chisquare(found[1:], wanted * len(masked)).pvalue)


def test_the_loss_is_the_papers_of_as_many_masked_numbers_as_a_cosine_says() -> None:
    """Chang et al. (2022), section 3.1 and 3.3: ceil(cos(pi u / 2) n) of n numbers."""
    prior = prior_of(dropout=0.0)
    drawn, seen, numbers = keep(prior.noise), watch(prior.network), ops.convert_to_tensor(EVERY)
    got = ops.convert_to_numpy(prior.log_likelihood(prior.network, numbers, True))
    (given,) = seen
    masked = given == MASK
    (u,) = (draw.ravel() for draw in drawn if draw.size == len(EVERY))
    np.testing.assert_array_equal(masked.sum(1), np.ceil(np.cos(np.pi * u / 2) * 4))
    np.testing.assert_array_equal(given[~masked], EVERY[~masked])
    np.testing.assert_allclose(got, of_masked(prior, EVERY, masked), rtol=1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_any_numbers_are_masked_equally_often(training: bool) -> None:
    """Each count as the cosine of an even u has it in training, and as often in the bound."""
    prior = prior_of(dropout=0.0, orders=1)
    prior.noise.training_seed.state.assign(ops.convert_to_tensor([3, 0], dtype="uint32"))
    prior.noise.reset_evaluation(3)
    seen = watch(prior.network)
    prior.log_likelihood(prior.network, ops.zeros((5_000, 4), "int32"), training)
    of_cosine = np.diff(-2 / np.pi * np.arccos(np.arange(5) / 4))
    shares = of_cosine if training else np.full(4, 0.25)
    assert frequent(seen[0] == MASK, shares) > 1e-3


def bounds(prior: Any, rows: np.ndarray, times: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and its standard error of so many estimates of each row's bound."""
    prior.noise.reset_evaluation(4)
    found = prior.log_prob(np.repeat(rows, times, axis=0), batch_size=len(rows) * times)
    found = found.reshape(len(rows), times).astype("f8")
    return found.mean(1), found.std(1) / math.sqrt(times)


@pytest.mark.parametrize("orders", [1, 3, 5])
def test_the_bound_is_on_average_that_of_the_paper(orders: int) -> None:
    prior, rows = prior_of(tokens=3, orders=orders), codes.every(3, 3)
    found, error = bounds(prior, rows, times=400)
    apart = found - bound(prior, rows)
    assert (abs(apart) < 4.5 * error).all()
    assert abs(apart.mean()) < 4 * np.sqrt((error**2).mean() / len(rows))


def test_the_bound_lies_below_the_law_of_any_order() -> None:
    prior, rows = prior_of(tokens=3, orders=8), codes.every(3, 3)
    law = of_any_order(prior, rows)
    assert logsumexp(law) == pytest.approx(0.0, abs=1e-9)
    found, error = bounds(prior, rows, times=200)
    assert (found < law + 4.5 * error).all()
    assert np.exp(law) @ (law - found) > 5 * np.sqrt(np.exp(law) ** 2 @ error**2)


def test_the_bound_is_exact_on_average_where_numbers_do_not_depend_on_each_other() -> None:
    """A network that gives each position the same probabilities, whatever it is given."""
    prior = prior_of(orders=12)
    logits = prior.network.get_layer("logits")
    logits.kernel.assign(np.zeros(logits.kernel.shape))
    logits.bias.assign([0.5, -1.0, 0.2])
    wanted = log_softmax([0.5, -1.0, 0.2])[EVERY].sum(1)
    apart = prior.log_prob(EVERY) - wanted
    assert abs(apart.mean()) < 5 * apart.std() / 9
    assert apart.std() < 0.6


def test_what_is_learned_of_rows_of_one_number_costs_its_entropy() -> None:
    """Three rows, each of one number: the bound is tight, as any number tells the others."""
    quick: dict[str, Any] = {"epochs": 8, "batch_size": 64, "learning_rate": 0.02, "dropout": 0.0}
    prior = MaskedTransformer(width=16, depth=1, heads=2, rounds=6, orders=4, **quick)
    rows = np.tile(RNG.integers(3, size=(1_000, 1)), 4)
    prior.fit_codes(model(), None, rows, labels=None, seed=0)
    assert -prior.log_prob(rows[:200]).mean() == pytest.approx(math.log(3), rel=0.05)
    noise = Noise()
    noise.reset_evaluation(0)
    drawn = ops.convert_to_numpy(prior.draw(500, noise, False))
    assert (drawn == drawn[:, :1]).all(1).mean() > 0.95


def test_each_compiled_step_masks_other_numbers() -> None:
    """The loss of the same rows under the same weights is that of other masks."""
    prior = prior_of(dropout=0.0)
    trained = Likelihood(prior, prior.make_network())
    trained.compile(keras.optimizers.SGD(0.0))
    losses = [float(trained.train_on_batch(EVERY)) for _ in range(4)]
    assert len({round(loss, 5) for loss in losses}) == 4


@pytest.mark.parametrize("rounds", [1, 2, 7])
def test_draws_leave_nothing_masked(rounds: int) -> None:
    prior = prior_of(rounds=rounds)
    noise = Noise()
    noise.reset_evaluation(0)
    rows = ops.convert_to_numpy(prior.draw(50, noise, False))
    assert rows.shape == (50, 4)
    assert rows.min() >= 0
    assert rows.max() <= 2


@pytest.mark.parametrize(("rounds", "choice"), [(1, 4.5), (3, 4.5), (8, 0.0), (8, 1.0)])
def test_draws_are_the_papers_rounds(rounds: int, choice: float) -> None:
    """Chang et al. (2022), section 3.2: predict, sample, how many to mask, mask."""
    prior, noise = prior_of(tokens=6, rounds=rounds, choice=choice), Noise()
    drawn, seen = keep(noise), watch(prior.network)
    got = ops.convert_to_numpy(prior.draw(60, noise, False))
    counts = [*((given == MASK).sum(1).max() for given in seen), 0]
    of_numbers, of_choice = (draw.astype("f8").swapaxes(0, 1) for draw in drawn)
    rows = np.full((60, 6), MASK)
    for t in range(1, rounds + 1):
        np.testing.assert_array_equal(seen[t - 1], rows)
        found, masked = log_probs(prior, rows), rows == MASK
        below = np.exp(found).cumsum(-1) <= of_numbers[t - 1][..., None]
        rows = np.where(masked, np.minimum(below.sum(-1), 2), rows)
        confidence = np.take_along_axis(found, rows[..., None], axis=-1)[..., 0]
        gumbel = -np.log(-np.log(of_choice[t - 1]))
        confidence = confidence + choice * (1 - t / rounds) * gumbel
        order = np.where(masked, confidence, np.inf).argsort(1)
        np.put_along_axis(rows, order[:, : counts[t]], MASK, axis=1)
    np.testing.assert_array_equal(got, rows)


@pytest.mark.parametrize("rounds", [3, 8, 12])
def test_as_many_stay_masked_as_section_3_2_says(rounds: int) -> None:
    """Chang et al. (2022), section 3.2, step 3: n = ceil(gamma(t / T) N)."""
    prior = prior_of(tokens=6, rounds=rounds)
    seen = watch(prior.network)
    prior.draw(5, Noise(), False)
    wanted = [math.ceil(6 * math.cos(math.pi * t / rounds / 2) - 1e-9) for t in range(rounds)]
    assert [int((given == MASK).sum(1).max()) for given in seen] == wanted


def test_a_bound_masks_no_more_numbers_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    prior = prior_of(orders=16)
    few: list[float] = []
    of_masked = prior._of_masked

    def watched(*given: Any) -> Any:
        few.append(float(ops.convert_to_numpy(given[2]).max()))
        return of_masked(*given)

    def largest(kind: str, shape: Any, training: bool) -> Any:
        return ops.convert_to_tensor(np.full(shape, np.float32(1 - 2**-24), "f4"))

    monkeypatch.setattr(prior, "_of_masked", watched)
    monkeypatch.setattr(prior.noise, "draw", largest)
    prior.log_likelihood(prior.network, ops.convert_to_tensor(EVERY[:1]), False)
    assert max(few) == 4


def test_draws_of_one_number_a_round_have_the_law_of_any_order() -> None:
    """Twelve rounds free three numbers one by one, in an order that noise alone chooses."""
    prior, noise = prior_of(tokens=3, rounds=12, choice=1e6), Noise()
    noise.reset_evaluation(0)
    rows = ops.convert_to_numpy(prior.draw(10_000, noise, False))
    law = of_any_order(prior, codes.every(3, 3))
    assert codes.plausibility(rows, 3, law) > 1e-3
    assert codes.plausibility(rows[:, ::-1], 3, law) < 1e-3


def test_draws_of_independent_numbers_have_their_probabilities() -> None:
    prior = prior_of(rounds=3)
    logits = prior.network.get_layer("logits")
    logits.kernel.assign(np.zeros(logits.kernel.shape))
    logits.bias.assign([1.0, -1.0, 0.0])
    prior.choice = 1e6  # what stays is chosen by noise alone, as the draws are then exact
    noise = Noise()
    noise.reset_evaluation(0)
    rows = ops.convert_to_numpy(prior.draw(6_000, noise, False))
    shares = np.bincount(rows.ravel(), minlength=3) / rows.size
    np.testing.assert_allclose(shares, np.exp(log_softmax([1.0, -1.0, 0.0])), atol=0.02)


def test_the_least_of_each_row_are_found() -> None:
    values = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, -1.0]], "f4")
    got = ops.convert_to_numpy(_least(ops.convert_to_tensor(values), 2))
    assert got.tolist() == [[False, True, True], [True, False, True]]
    assert not ops.convert_to_numpy(_least(ops.convert_to_tensor(values), 0)).any()
