"""Missing entries filled in: by their mean given the observed ones, or by draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops

from keras_ae import arrays
from keras_ae import inputs as data
from keras_ae.bottlenecks import Posterior
from keras_ae.distributions.noise import start_evaluation
from keras_ae.objectives import draws
from keras_ae.parts import checked_size
from keras_ae.posterior_draws import chunks
from keras_ae.typing import Tensor

LEAST_UNIFORM = 1e-30
"""Below it a Gumbel draw would be infinite."""


class Imputation:
    """Rows without their gaps, by a model of whole rows that was trained on rows with gaps."""

    def impute(
        self: Any,
        x: Any,
        samples: int = 1_000,
        *,
        imputations: int | None = None,
        seed: int | None = 0,
        verbose: int = 0,
    ) -> np.ndarray:
        """Return rows with their missing entries filled in, data units.

        The mean E[x_missing | x_observed], `(rows, *event_shape)`: the means E[x | z_k] of draws of
        the posterior, weighted by p(x_observed | z_k) p(z_k) / q(z_k | x_observed). With
        `imputations`, so many draws from p(x_missing | x_observed),
        `(imputations, rows, *event_shape)`: of z_k with those weights, and of x given it. Both
        become exact as `samples` grow. A model without a posterior and a prior fills in its
        reconstructions. Observed entries stay as they are.

        Args:
            x: Rows with NaN for missing entries, of a model with `missing="mask"`, or a dict of
                rows and their `mask`, perhaps with a `condition`; a stream is read once.
            samples: Draws of the posterior for each row.
            imputations: How often each row is completed, to carry the uncertainty on; None for
                the mean.
            seed: Of the noise; fresh noise when None.
            verbose: 1 to show progress.

        Raises:
            ValueError: Nothing says what is missing, or draws are asked of a model that has none.

        Reference:
            Mattei and Frellsen (2019), https://arxiv.org/abs/1812.02633, equation 12 for the mean,
            section 2.3 for draws by sampling importance resampling.
        """
        self.normalizer.check_adapted()
        samples = checked_size("samples", samples)
        if not self.likelihood.imputes:
            raise ValueError(
                "imputing needs a likelihood whose mean is in the data's units. Received: "
                f"{type(self.likelihood).__name__}, which gives shares of a total."
            )
        given = data.in_memory(x, self.event_shape, self.missing, self.condition)
        rows, observed = _observed(self, given)
        if not (isinstance(self.bottleneck, Posterior) and self.prior is not None):
            if imputations is not None:
                raise ValueError(
                    "imputations need a model with a posterior and a prior. Received: "
                    f"imputations={imputations} and `{self.variant}`. Leave them out."
                )
            return np.where(observed, rows, self.reconstruct(given))
        start_evaluation(self, seed)
        asked = {"x": given, "parameters": self.posterior(given)}
        if imputations is None:
            return np.where(observed, rows, _mean(self, asked, samples, verbose))
        count = checked_size("imputations", imputations)
        return np.where(observed, rows, _drawn(self, asked, samples, count, verbose))


def _observed(model: Any, given: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return rows, float32, and where they are observed.

    Raises:
        ValueError: Nothing says what is missing.
    """
    x, _, mask = data.read(given)
    if mask is None and model.missing is None:
        raise ValueError(
            "imputing needs to be told what is missing. Received: rows without a mask, and a model "
            "with missing=None. Pass {'x': rows, 'mask': mask}, or make the model with "
            "`missing='mask'` and mark missing entries by NaN."
        )
    observed = ~np.isnan(x)
    if mask is not None:
        observed &= arrays.expanded_mask(np.asarray(mask, "bool"), x.ndim)
    return np.asarray(x, "float32"), observed


def _mean(model: Any, given: Mapping[str, Any], samples: int, verbose: int) -> np.ndarray:
    log_sum, mean = -np.inf, np.zeros(())
    for found in chunks(model, weighted_mean, given, samples, verbose=verbose):
        wide = found["log_sum"].astype("float64")
        total = np.logaddexp(log_sum, wide)
        old, new = (
            np.exp(part - total).reshape(-1, *(1,) * len(model.event_shape))
            for part in (log_sum, wide)
        )
        log_sum, mean = total, old * mean + new * found["mean"]
    return mean.astype("float32")


def _drawn(
    model: Any, given: Mapping[str, Any], samples: int, count: int, verbose: int
) -> np.ndarray:
    parts = chunks(model, resampled, given, samples, count, verbose=verbose)
    first = next(parts)
    place, chosen = first["place"], first["chosen"]
    for found in parts:
        better = found["place"] > place
        place = np.where(better, found["place"], place)
        # (rows, imputations, ...)
        wide = better.reshape(*better.shape, *(1,) * (chosen.ndim - 2))
        chosen = np.where(wide, found["chosen"], chosen)
    observations = model.views.rows(observation, draws=True)
    return np.stack([observations(one) for one in np.moveaxis(chosen, 1, 0)])


# Functions (model, batch) that run compiled on rows.


def weighted_mean(model: Any, given: Mapping[str, Any], samples: int) -> dict[str, Tensor]:
    """Return the sum of draws' weights, `(rows,)`, as its log, and the weighted mean of E[x | z].

    Args:
        model: The model.
        given: `x`, rows, and the `parameters` of their posteriors.
        samples: Draws for each row.
    """
    decoded, completed, log_weights = _weighted(model, given, samples)
    means = model.likelihood.mean(decoded) if completed is None else completed
    means = ops.reshape(model.normalizer.restore(means), (-1, samples, *model.event_shape))
    log_sum = ops.logsumexp(log_weights, axis=1)
    shares = ops.exp(log_weights - log_sum[:, None])
    shares = ops.reshape(shares, (-1, samples, *(1,) * len(model.event_shape)))
    return {"log_sum": log_sum, "mean": ops.sum(shares * means, axis=1)}


def resampled(model: Any, given: Mapping[str, Any], samples: int, count: int) -> dict[str, Tensor]:
    """Return decoded draws that were chosen in proportion to their weights.

    The largest of log-weights plus Gumbel noise is such a choice, also of those of several calls.

    Args:
        model: The model.
        given: `x`, rows, and the `parameters` of their posteriors.
        samples: Draws for each row.
        count: Choices for each row.

    Returns:
        `place`, the largest sum, `(rows, count)`, and `chosen`, what the draws decode to, or the
        rows that they complete where the likelihood draws gaps, `(rows, count, ...)`.
    """
    decoded, completed, log_weights = _weighted(model, given, samples)
    what = decoded if completed is None else completed
    rows, shape = ops.shape(log_weights)[0], what.shape[1:]
    uniform = model.bottleneck.noise.uniform((rows, count, samples))
    gumbel = -ops.log(-ops.log(ops.maximum(uniform, LEAST_UNIFORM)))
    places = log_weights[:, None, :] + gumbel
    chosen = ops.argmax(places, axis=-1)[:, :, None]
    flat = ops.reshape(what, (rows, samples, -1))
    return {
        "place": ops.max(places, axis=-1),
        "chosen": ops.reshape(ops.take_along_axis(flat, chosen, axis=1), (rows, count, *shape)),
    }


def observation(model: Any, chosen: Tensor) -> Tensor:
    """Return rows in data units: drawn from p(x | z) of decoded codes, if that is not done yet."""
    if not model.likelihood.draws_gaps:
        chosen = model.likelihood.sample(chosen, model.bottleneck.noise)
    return model.normalizer.restore(chosen)


def _weighted(
    model: Any, given: Mapping[str, Any], samples: int
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Return what draws decode to, rows they complete, and their log-weights, `(rows, samples)`."""
    batch = model.completed(model.batch(given["x"]))
    outputs, rows = draws.drawn(model, batch, given["parameters"], samples)
    decoded = model.decoded_of(outputs, rows)
    density, completed = draws.completed(model, decoded, rows, samples)
    return decoded, completed, density - draws.rate(model, outputs, rows, samples)
