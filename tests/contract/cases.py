"""One row a variant: how to make a small one, and its paper's objective in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

from tests.contract.dynamics import curved_leapfrog, tempered_leapfrog
from tests.contract.pictures import ms_ssim

Arrays = dict[str, np.ndarray]
Objective = Callable[[Any, Arrays, Any], float]

ROWS = 24


@dataclass(frozen=True)
class Case:
    """A small model of one variant.

    Args:
        name: Registry name.
        objective: The paper's total objective, (data, outputs, model) -> nats per example. It sees
            the outputs of a forward pass with fixed noise, and of the model only its weights.
        options: Constructor arguments.
        event_shape: Shape of one example.
        distortion: Name of the term that compares data and reconstructions; None of a model whose
            target moves, so that no term need fall.
        categories: Of labels that are the rows' conditions; 0 for data without.
        unknown: Every so many-th label is -1; 0 for none.
        gaps: Share of the entries that are missing.
        most: The largest count, of data that are whole numbers; 0 for data in [0, 1].
        group_size: Examples of a row in training; 0 where rows are examples.
        graphs: Whether rows are the adjacencies of undirected graphs.
    """

    name: str
    objective: Objective
    options: dict[str, Any] = field(default_factory=dict)
    event_shape: tuple[int, ...] = (10,)
    distortion: str | None = "reconstruction"
    categories: int = 0
    unknown: int = 0
    gaps: float = 0.0
    most: int = 0
    group_size: int = 0
    graphs: bool = False

    def data(self) -> Any:
        """Return rows in [0, 1] with structure that a short code can hold, or them with labels."""
        rng = np.random.default_rng(7)
        size = int(np.prod(self.event_shape))
        mixed = rng.normal(size=(ROWS, 2)) @ rng.normal(size=(2, size))
        x = (1 / (1 + np.exp(-mixed))).reshape(ROWS, *self.event_shape).astype("float32")
        x = np.round(self.most * x) if self.most else x
        if self.graphs:
            above = np.triu(x > 0.5, 1).astype("float32")
            x = above + above.transpose(0, 2, 1)
        x[rng.random(x.shape) < self.gaps] = np.nan
        if not self.categories:
            return x
        labels = np.arange(ROWS) % self.categories
        if self.unknown:
            labels[:: self.unknown] = -1
        return {"x": x, "condition": labels}

    def rows(self) -> Any:
        """Return what the model trains on: the data, or groups of them."""
        return self.grouped(self.data())

    def grouped(self, data: Any) -> Any:
        """Return rows in groups, if the model trains on such."""
        if not self.group_size:
            return data
        return keras.tree.map_structure(
            lambda a: a.reshape(-1, self.group_size, *a.shape[1:]), data
        )


def first(data: Any, rows: int) -> Any:
    """Return the first rows of data."""
    return {key: a[:rows] for key, a in data.items()} if isinstance(data, dict) else data[:rows]


def examples(data: Any) -> np.ndarray:
    """Return the examples of data."""
    return np.asarray(data["x"] if isinstance(data, dict) else data)


def with_known_labels(data: Any) -> Any:
    """Return the rows whose label is known, where there are labels."""
    if not isinstance(data, dict):
        return data
    return {key: a[data["condition"] >= 0] for key, a in data.items()}


def told(data: Any) -> dict[str, Any]:
    """Return what codes must be decoded with."""
    return {"condition": data["condition"]} if isinstance(data, dict) else {}


def half_squared_error(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """-log N(x; decoded, I)."""
    error = (x - outputs["decoded"]).reshape(len(x), -1)
    return float(np.mean(0.5 * (error**2).sum(1) + 0.5 * error.shape[1] * np.log(2 * np.pi)))


def cross_entropy(x: np.ndarray, outputs: Arrays, model: Any) -> float:
    """-log Bernoulli(x; sigmoid(decoded))."""
    p = 1 / (1 + np.exp(-outputs["decoded"].astype("float64")))
    return float(-np.mean((x * np.log(p) + (1 - x) * np.log1p(-p)).reshape(len(x), -1).sum(1)))


def kl(outputs: Arrays) -> float:
    """KL(N(mean, diag var) || N(0, I)), Kingma and Welling (2014), appendix B."""
    mean, log_var = outputs["mean"], outputs["log_var"]
    return float(np.mean(-0.5 * (1 + log_var - mean**2 - np.exp(log_var)).sum(1)))


def negative_elbo(beta: float) -> Objective:
    """E_q -log p(x | z) + beta KL."""
    return lambda x, outputs, model: cross_entropy(x, outputs, model) + beta * kl(outputs)


def conditional_elbo(data: Arrays, outputs: Arrays, model: Any) -> float:
    """E_q -log p(x | z, c) + KL(q(z | x, c) || p(z | c)), Sohn et al. (2015), eq. 4."""
    kernel, bias, last, last_bias = (np.array(w, "f8") for w in model.prior.get_weights())
    h = np.eye(len(kernel))[data["condition"]] @ kernel + bias
    prior_mean, prior_log_var = np.split(np.maximum(h, 0) @ last + last_bias, 2, axis=1)
    mean, log_var = (outputs[key].astype("f8") for key in ("mean", "log_var"))
    ratio = np.exp(log_var - prior_log_var) + (mean - prior_mean) ** 2 / np.exp(prior_log_var)
    rate = 0.5 * (ratio - 1 + prior_log_var - log_var).sum(1).mean()
    return cross_entropy(data["x"], outputs, model) + float(rate)


def with_structure(weight: float, window_size: int, scales: int) -> Objective:
    """Weight * (1 - MS-SSIM) + KL, Wang et al. (2003), eq. 7, in the place of a likelihood."""
    return lambda x, outputs, model: (
        weight * float(np.mean(1 - ms_ssim(x, outputs["decoded"], window_size, scales)))
        + kl(outputs)
    )


def with_features(weight: float) -> Objective:
    """Weight * error of two dense layers' features + KL, Hou et al. (2017), eq. 4 and 5."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        weights = [w.astype("float64") for w in model.objective[0].features.get_weights()]
        a, b, error = x, outputs["decoded"], 0.0
        for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
            a, b = np.tanh(a @ kernel + bias), np.tanh(b @ kernel + bias)
            error += float(np.mean(((a - b) ** 2).sum(1) / (2 * a.shape[1])))
        return weight * error + kl(outputs)

    return objective


def with_l1(weight: float) -> Objective:
    """Reconstruction + weight * sum |z|."""
    return lambda x, outputs, model: (
        half_squared_error(x, outputs, model)
        + weight * float(np.mean(np.abs(outputs["latent"]).sum(1)))
    )


def with_contraction(weight: float) -> Objective:
    """Reconstruction + weight * |J|_F^2 of a one-layer sigmoid encoder, Rifai (2011), eq. 7."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        kernel = ops.convert_to_numpy(model.bottleneck.projection.kernel)
        h = outputs["latent"].astype("float64")
        penalty = ((h * (1 - h)) ** 2 * (kernel**2).sum(0)).sum(1).mean()
        return half_squared_error(x, outputs, model) + weight * float(penalty)

    return objective


def with_commitment(weight: float) -> Objective:
    """Reconstruction + weight * |z_e - e|^2, van den Oord (2017), eq. 3."""
    return lambda x, outputs, model: (
        half_squared_error(x, outputs, model)
        + weight
        * float(np.mean(((outputs["pre_quantized"] - outputs["quantized"]) ** 2).sum((1, 2))))
    )


def with_critic(weight: float) -> Objective:
    """Reconstruction + weight * -log D(z) + critic's cross-entropy on p(z) and on codes."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        term = model.objective[1]
        codes = outputs["latent"]
        drawn = ops.convert_to_numpy(model.prior.sample(codes.shape, term.noise))
        weights = [np.array(w, "float64") for w in term.critic.get_weights()]

        def log_odds(z: np.ndarray) -> np.ndarray:
            for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
                a = z @ kernel + bias
                z = np.where(a > 0, a, 0.2 * a)
            return (z @ weights[-2] + weights[-1])[:, 0]

        def cost(log_odds_of_truth: np.ndarray) -> float:
            return float(np.mean(np.log1p(np.exp(-log_odds_of_truth))))

        critic = cost(log_odds(drawn)) + cost(-log_odds(codes))
        game = weight * cost(log_odds(codes)) + critic
        return half_squared_error(x, outputs, model) + game

    return objective


SMALL: dict[str, Any] = {"latent_dim": 3, "hidden": [8]}
BERNOULLI: dict[str, Any] = {**SMALL, "likelihood": "bernoulli"}
MOVED: dict[str, Any] = {
    **BERNOULLI,
    "leapfrog_steps": 2,
    "step_size": 0.05,
}

FEATURES = keras.Sequential(
    [
        keras.layers.Dense(7, "tanh", bias_initializer="random_normal", name="first"),
        keras.layers.Dense(4, "tanh", bias_initializer="random_normal", name="second"),
    ]
)
"""Two maps of features, by the layers' names; its weights are made with the first model."""

CASES = [
    Case("autoencoder", half_squared_error, SMALL),
    Case("linear_autoencoder", half_squared_error, {"latent_dim": 3, "tied": True}),
    Case("denoising_autoencoder", half_squared_error, {**SMALL, "corruption": "swap_noise"}),
    Case("contractive_autoencoder", with_contraction(0.1), {"latent_dim": 3, "hidden": []}),
    Case("recurrent_autoencoder", half_squared_error, SMALL, (6, 2)),
    Case("sparse_autoencoder", with_l1(0.01), {**SMALL, "latent_dim": 12}),
    Case("vae", negative_elbo(1.0), {**SMALL, "likelihood": "bernoulli"}),
    Case("beta_vae", negative_elbo(3.0), {**SMALL, "beta": 3.0, "likelihood": "bernoulli"}),
    Case(
        "conditional_vae",
        conditional_elbo,
        {
            **SMALL,
            "likelihood": "bernoulli",
            "condition": {"name": "label", "categories": 4},
            "prior": {"name": "conditional_normal", "hidden": [5]},
        },
        categories=4,
    ),
    Case("hamiltonian_vae", tempered_leapfrog, MOVED),
    Case("riemannian_hamiltonian_vae", curved_leapfrog, {**MOVED, "centres": 6}),
    Case(
        "ms_ssim_vae",
        with_structure(20.0, window_size=5, scales=2),
        {**SMALL, "weight": 20.0, "window_size": 5},
        (12, 11, 2),
    ),
    Case(
        "perceptual_vae",
        with_features(50.0),
        {**SMALL, "network": FEATURES, "layers": ["first", "second"], "weight": 50.0},
        distortion="perceptual",
    ),
    Case("adversarial_autoencoder", with_critic(0.5), {**SMALL, "adversarial": 0.5}),
]
