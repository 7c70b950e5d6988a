"""Likelihoods of data under a model: bounds on log p(x), and what they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops

from keras_ae import arrays, metrics, unknown_labels
from keras_ae import inputs as data
from keras_ae.bottlenecks import Posterior
from keras_ae.distributions.event import expand_mask, sum_event
from keras_ae.distributions.noise import seed_of, start_evaluation
from keras_ae.metrics.decomposition import Decomposition
from keras_ae.objectives import draws
from keras_ae.objectives.rate import has_closed_form, parts_of_divergence, positions
from keras_ae.parts import checked_size
from keras_ae.posterior_draws import chunks
from keras_ae.typing import Tensor


class Bounds:
    """Log-likelihoods of rows: importance-weighted bounds, and the parts of the ELBO.

    The encoder runs once for a row; its draws are decoded many at a time, in compiled batches of
    bounded memory, and summed up as they come.
    """

    def log_prob(
        self: Any, x: Any, samples: int = 100, *, seed: int | None = 0, verbose: int = 0
    ) -> np.ndarray:
        """Return a lower bound on log p(x) of each row, `(rows,)`, nats, that rises to it.

        log 1/K sum_k p(x | z_k) p(z_k) / q(z_k | x) with z_k ~ q(z | x). Its mean rises with K, and
        is the ELBO for K = 1. Where the model scales its inputs, the density is that of the data
        as they were given. A row's value depends on its place among the rows, since its noise
        does. Of a row that comes with a condition c it is log p(x | c); where a model that learns
        to classify is not told the label, log p(x), over all labels.

        Args:
            x: Rows in data units, or a dict of them with a `mask` or a `condition`; a stream of
                either is read once.
            samples: K, at least 1.
            seed: Of the noise; fresh noise when None.
            verbose: 1 to show progress.

        Raises:
            ValueError: The model has no posterior or no prior.

        Reference:
            Burda et al. (2016), https://arxiv.org/abs/1509.00519, equation 8.
        """
        return unknown_labels.log_prob(
            self, self._rows(x), lambda x: self._bounds(x, samples, seed, verbose)["log_prob"]
        )

    def elbo(self: Any, x: Any, samples: int = 1, *, seed: int | None = 0) -> np.ndarray:
        """Return the evidence lower bound of each row, `(rows,)`, nats: a mean over draws.

        Labels are treated as by `log_prob`.

        Reference: Kingma and Welling (2014), https://arxiv.org/abs/1312.6114, equation 3.
        """
        return unknown_labels.elbo(
            self, self._rows(x), lambda x: self._bounds(x, samples, seed)["elbo"]
        )

    def bits_per_dim(
        self: Any,
        x: Any,
        samples: int = 100,
        *,
        levels: int | None = None,
        seed: int | None = 0,
        log_prob: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the bound as bits for each observed number of a row, `(rows,)`; less is better.

        Args:
            x: Rows, as for `log_prob`; one of which nothing is observed has 0 bits.
            samples: Draws for each row.
            levels: For a density of data that are k / levels plus uniform noise: how many levels,
                256 for bytes. Log-masses (a discretised likelihood) have none.
            seed: Of the noise.
            log_prob: Bounds that are known already, `(rows,)` nats, of `log_prob`.

        Raises:
            ValueError: The likelihood gives masses, and `levels` are given.

        Reference: Theis et al. (2016), https://arxiv.org/abs/1511.01844, section 3.1.
        """
        check_levels(self.likelihood, levels)
        x = self._rows(x)
        if log_prob is None:
            log_prob = self.log_prob(x, samples, seed=seed)
        observed = self.views.rows(units, draws=False)(x)["observed"].astype("float64")
        arrays.check_rows(x=observed, log_prob=log_prob)
        per_dim = -log_prob / (np.log(2.0) * np.maximum(observed, 1.0))
        return per_dim if levels is None else per_dim + np.log2(levels) * (observed > 0)

    def decompose(
        self: Any, x: Any, samples: int = 1, *, seed: int | None = 0, most: int = 2_000
    ) -> Decomposition:
        """Return what the ELBO of some rows is made of.

        The parts that compare the aggregated posterior with others take all given rows as the
        data, and estimate from one draw of each of at most `most` of them.

        Args:
            x: Rows in data units.
            samples: Draws for each row of the distortion, and of a rate without a closed form.
            seed: Of the noise; fresh noise when None.
            most: Draws from which the aggregated posterior's parts are estimated, at least 2.

        Raises:
            ValueError: A label is unknown, or `most` is below 2.

        Reference:
            Hoffman and Johnson (2016), "ELBO surgery", section 2; Chen et al. (2018),
            https://arxiv.org/abs/1802.04942, equation 2; Burda et al. (2016),
            https://arxiv.org/abs/1509.00519, section 5.2, for active units.
        """
        if checked_size("most", most) < 2:
            raise ValueError(f"`most` must be at least 2. Received: most={most}")
        x, seed = self._rows(x), seed_of(seed)
        unknown_labels.refuse("decomposing", self, x)
        parameters = self.posterior(x)
        found = self._bounds(x, samples, seed, parameters=parameters)
        codes = self.views.rows(codes_of, draws=False)(parameters)
        parts: Any = np.zeros(0)
        rate = float(np.mean(found["rate"]))
        if has_closed_form(self) and not self.bottleneck.ancestral:
            given = {"parameters": parameters, "x": x}
            parts = self.views.rows(closed_rates, draws=False)(given).mean(axis=0)
            rate = float(parts.sum())
        distortion = float(np.mean(found["distortion"]))
        information = total = by_dimension = float("nan")
        if {"mean", "log_var"} <= set(parameters) and self.bottleneck.space == "vectors":
            aggregated = metrics.aggregated_posterior(
                parameters["mean"], parameters["log_var"], most=most, seed=seed
            )
            information, total = aggregated.mutual_information, aggregated.total_correlation
            if self.prior.family == "standard_normal":
                by_dimension = aggregated.dimension_wise_kl
        return Decomposition(
            elbo=-distortion - rate,
            distortion=distortion,
            rate=rate,
            kl_per_dimension=parts,
            active_units=metrics.active_units(codes.reshape(len(codes), -1)),
            mutual_information=information,
            total_correlation=total,
            dimension_wise_kl=by_dimension,
        )

    def _rows(self: Any, x: Any) -> Any:
        """Return checked arrays, of a model that has likelihoods of rows."""
        _check_model(self)
        self.normalizer.check_adapted()
        x = data.in_memory(x, self.event_shape, self.missing, self.condition)
        if self.normalizer.kind == "none":
            data.check_support(self, x)
        return x

    def _bounds(
        self: Any,
        x: Any,
        samples: int,
        seed: int | None,
        verbose: int = 0,
        parameters: Any = None,
    ) -> dict[str, np.ndarray]:
        """Return bound, ELBO, distortion and rate of each row, whose posteriors may be known."""
        samples = checked_size("samples", samples)
        start_evaluation(self, seed)
        given = {"x": x, "parameters": self.posterior(x) if parameters is None else parameters}
        found = self._sums(given, samples, verbose)
        unit = self.views.rows(units, draws=False)(x)["log_unit"]
        return {
            "log_prob": found["log_sum"] - np.log(samples) - unit,
            "elbo": -found["distortion"] / samples - found["rate"] / samples - unit,
            "distortion": found["distortion"] / samples + unit,
            "rate": found["rate"] / samples,
        }

    def _sums(
        self: Any, given: Mapping[str, Any], samples: int, verbose: int
    ) -> dict[str, np.ndarray]:
        """Return sums over all draws of each row, float64, decoding some of them at a time."""
        found: dict[str, np.ndarray] = {}
        for values in chunks(self, log_weights, given, samples, verbose=verbose):
            for key, value in values.items():
                add = np.logaddexp if key == "log_sum" else np.add
                wide = value.astype("float64")
                found[key] = add(found[key], wide) if key in found else wide
        return found


# Functions (model, batch) that run compiled on rows.


def closed_rates(model: Any, given: Mapping[str, Any]) -> Tensor:
    """Return the divergence of each part of the code, in closed form, of rows' `parameters`.

    A position that is not there has none.
    """
    batch = model.batch(given["x"])
    parts = parts_of_divergence(model, given["parameters"], batch.condition)
    there = positions(model, batch)
    return parts if there is None else parts * expand_mask(there, parts)


def codes_of(model: Any, parameters: Any) -> Tensor:
    """Return the codes that stand for posteriors, `(rows, *latent_shape)` float32."""
    return ops.cast(model.bottleneck.code(parameters)["latent"], "float32")


def units(model: Any, x: Any) -> dict[str, Tensor]:
    """Return how many numbers are observed, and what their units make of a density.

    `log_unit` is by how much a log-density in data units is below that in normalised ones,
    `observed` the number of entries, `(rows,)` each.
    """
    batch = model.batch(x)
    log_scale = model.likelihood.log_unit(model.normalizer.log_scale(model.event_shape))
    ones = ops.ones_like(batch.target)
    return {
        "log_unit": sum_event(ones * log_scale, batch.mask),
        "observed": sum_event(ones, batch.mask),
    }


def log_weights(model: Any, given: Mapping[str, Any], samples: int) -> dict[str, Tensor]:
    """Return sums over draws: log sum of the weights, distortion and rate, `(rows,)` each.

    Args:
        model: The model.
        given: `x`, rows, and the `parameters` of their posteriors.
        samples: Draws for each row.
    """
    outputs, rows = draws.drawn(
        model, model.completed(model.batch(given["x"])), given["parameters"], samples
    )
    rate = draws.rate(model, outputs, rows, samples)
    decoded = model.decoded_of(outputs, rows)
    likelihood = draws.log_likelihood(model, decoded, rows, samples)
    return {
        "log_sum": ops.logsumexp(likelihood - rate, axis=1),
        "distortion": -ops.sum(likelihood, axis=1),
        "rate": ops.sum(rate, axis=1),
    }


def check_levels(likelihood: Any, levels: int | None) -> None:
    """Refuse a number of levels that is none, or of data that have no density.

    Raises:
        ValueError: As said.
    """
    if levels is None:
        return
    checked_size("levels", levels)
    if likelihood.masses:
        raise ValueError(
            "`levels` must be of data that have a density. "
            f"Received: levels={levels} and {type(likelihood).__name__}, which gives "
            "probabilities. Leave `levels` out."
        )


def _check_model(model: Any) -> None:
    if not isinstance(model.bottleneck, Posterior) or model.prior is None:
        raise ValueError(
            "a likelihood needs a model with a posterior and a prior. "
            f"Received: `{model.variant}` with {type(model.bottleneck).__name__} and "
            f"prior={model.prior if model.prior is None else type(model.prior).__name__}. "
            "Use `score` for the error of its reconstructions."
        )
