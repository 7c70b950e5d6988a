"""Compiled, batched inference: one function of a model applied to as many rows as there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_ae import arrays, conditioning
from keras_ae import inputs as data
from keras_ae.bottlenecks import Posterior
from keras_ae.distributions.noise import seed_of
from keras_ae.functions import TensorFunctions
from keras_ae.parts import checked_size

DRAWN_ROWS = 10_000
"""Rows of which posterior draws are made in one run."""


class Inference(TensorFunctions):
    """What a trained model is used for: codes, reconstructions, scores, samples, walks.

    Every method takes rows in data units, runs in compiled batches and returns NumPy arrays;
    what it returns for a row does not depend on the other rows. `batch_size` is the number of rows
    that are computed at once, chosen by the model's arithmetic when None; `steps`, `verbose` and
    `callbacks` are those of `keras.Model.predict`, whose own loop runs when they are given.
    """

    def predict(self: Any, x: Any, batch_size: int | None = None, **options: Any) -> Any:
        """Return reconstructions `(rows, *event_shape)`; the same as `reconstruct`."""
        return self.reconstruct(x, batch_size, **options)

    def predict_on_batch(self: Any, x: Any) -> Any:
        """Return reconstructions of one batch of rows."""
        return self.reconstruct(x)

    def reconstruct(self: Any, x: Any, batch_size: int | None = None, **options: Any) -> Any:
        """Return E[p(x | z)] at the code of each row, `(rows, *event_shape)`, data units."""
        return self._run("reconstruct_tensor", x, batch_size, **options)

    def encode(self: Any, x: Any, batch_size: int | None = None, **options: Any) -> Any:
        """Return codes `(rows, *latent_shape)`: the posterior's mean, or the code itself."""
        return self._run("encode_tensor", x, batch_size, **options)

    def score(self: Any, x: Any, batch_size: int | None = None, **options: Any) -> Any:
        """Return anomaly scores `(rows,)` in nats, higher is more anomalous.

        The score is the negative log-likelihood of the row at its code's mean, plus for a
        variational model the divergence of its posterior from the prior, both unweighted. Where a
        distance without a unit stands for the likelihood, it counts with its weight.
        """
        x = self._checked(x)
        if self.normalizer.kind == "none":
            data.check_support(self, x)
        return self._run_checked("score_tensor", x, batch_size, **options)

    def decode(
        self: Any, z: Any, batch_size: int | None = None, *, condition: Any = None, **options: Any
    ) -> Any:
        """Return E[p(x | z)] of codes `(rows, *latent_shape)`, data units.

        Args:
            z: The codes.
            batch_size: Rows at once.
            condition: Of a model that takes one: one for all codes, or one for each.
            **options: As for every method here.

        Raises:
            ValueError: The codes don't have the model's latent shape, or a condition is lacking or
                wrong.
        """
        z = arrays.as_numbers("z", z)
        arrays.check_entries("z", z, self.latent_shape, None)
        given = self._told(z, condition)
        self.normalizer.check_adapted()
        return self.views.run("decode_tensor", given, batch_size=batch_size, **options)

    def responsibilities(self: Any, x: Any, batch_size: int | None = None, **options: Any) -> Any:
        """Return the shares of clusters in rows, `(rows, clusters)`, which sum to 1.

        They are p(c | z) of the prior's components at a row's code, or what the bottleneck reports.

        Raises:
            ValueError: The model has no clusters.
        """
        if self.clusters is None:
            raise ValueError(
                "responsibilities need clusters: a prior that is a mixture of normals, or a "
                f"bottleneck that reports `shares`. Received: `{self.variant}`. Take `idec` or "
                "`vade`, or pass `prior='gaussian_mixture'`."
            )
        return self._run("responsibilities_tensor", x, batch_size, **options)

    def class_probabilities(
        self: Any, x: Any, batch_size: int | None = None, **options: Any
    ) -> Any:
        """Return q(y | x) of rows, `(rows, classes)`; they need no labels.

        Raises:
            ValueError: The model does not learn to classify.
        """
        if self.classifier is None:
            raise ValueError(
                "class probabilities need a model that learns to classify. Received: "
                f"`{self.variant}`. Take `semi_supervised_vae`."
            )
        if isinstance(x, Mapping):
            x = {key: value for key, value in x.items() if key != "condition"}
        x = data.check_data(x, self.event_shape, self.missing)
        return self._run_checked("class_probabilities_tensor", x, batch_size, **options)

    def encode_indices(self: Any, x: Any, batch_size: int | None = None, **options: Any) -> Any:
        """Return the codes' numbers, `(rows, *index_shape)` of the bottleneck, int32.

        Raises:
            ValueError: The model's code is not discrete.
        """
        self._check_discrete()
        return self._run("encode_indices_tensor", x, batch_size, **options)

    def decode_indices(
        self: Any, indices: Any, batch_size: int | None = None, *, condition: Any = None
    ) -> Any:
        """Return E[p(x | z)] of codes given by their numbers, data units.

        Args:
            indices: Whole numbers from 0 to `num_codes` - 1, `(rows, *index_shape)`; of several
                levels -1 leaves one out.
            batch_size: Rows at once.
            condition: As for `decode`.

        Raises:
            ValueError: The model's code is not discrete, a number has no code, or a condition is
                lacking or wrong.
        """
        self._check_discrete()
        indices = arrays.as_numbers("indices", indices)
        arrays.check_entries("indices", indices, self.bottleneck.index_shape, None)
        _check_numbers(indices, self.bottleneck)
        self.normalizer.check_adapted()
        given = self._told(indices.astype("int32"), condition)
        return self.views.run("decode_indices_tensor", given, batch_size=batch_size)

    def _check_discrete(self: Any) -> None:
        if "indices" not in self.bottleneck.reports:
            raise ValueError(
                f"indices need a code from a codebook. Received: `{self.variant}`, whose code is "
                "continuous. Use `encode` and `decode`."
            )

    def posterior(self: Any, x: Any, batch_size: int | None = None) -> Any:
        """Return the parameters of q(z | x) by name, `(rows, ...)` each.

        Raises:
            ValueError: The model's code has no distribution.
        """
        _check_posterior(self)
        x = self._checked(x)
        return self._run_checked("posterior_tensor", x, batch_size)

    def sample_posterior(
        self: Any, x: Any, samples: int = 1, *, seed: int | None = None, **options: Any
    ) -> Any:
        """Return draws from q(z | x), `(samples, rows, *latent_shape)`.

        Raises:
            ValueError: The model's code has no distribution.
        """
        _check_posterior(self)
        self.bottleneck.noise.reset_evaluation(seed_of(seed))
        left, drawn = checked_size("samples", samples), []
        x = self._checked(x)
        if not isinstance(x, (np.ndarray, Mapping)):  # a stream is read once for each draw
            return np.stack([self._run_checked("draw_tensor", x, **options) for _ in range(left)])
        while left:
            together = min(left, max(1, DRAWN_ROWS // len(data.read(x)[0])))
            copies = keras.tree.map_structure(lambda a, n=together: np.concatenate([a] * n), x)
            z = self._run_checked("draw_tensor", copies, **options)
            drawn.append(z.reshape(together, -1, *self.latent_shape))
            left -= together
        return np.concatenate(drawn)

    def corrupt(self: Any, x: Any, *, seed: int | None = None, **options: Any) -> Any:
        """Return `x` as the encoder sees it in training, `(rows, *event_shape)`, data units.

        Raises:
            ValueError: The model has no corruption.
        """
        if self.corruption is None:
            raise ValueError(
                f"corrupting needs a corruption. Received: `{self.variant}` has none. "
                "Pass `corruption='gaussian_noise'`."
            )
        self.corruption.noise.reset_evaluation(seed_of(seed))
        return self._run("corrupt_tensor", x, **options)

    def _run(
        self: Any, function: str, x: Any, batch_size: int | None = None, **options: Any
    ) -> Any:
        x = self._checked(x)
        return self._run_checked(function, x, batch_size, **options)

    def _run_checked(
        self: Any, function: str, x: Any, batch_size: int | None = None, **options: Any
    ) -> Any:
        self.normalizer.check_adapted()
        if batch_size is not None:
            batch_size = checked_size("batch_size", batch_size)
        return self.views.run(function, x, batch_size=batch_size, **options)

    def _checked(self: Any, x: Any) -> Any:
        return data.check_data(x, self.event_shape, self.missing, self.condition)

    def _told(self: Any, z: np.ndarray, condition: Any) -> Any:
        """Return codes, or a dict of them with their checked conditions."""
        found = conditioning.conditions_of(condition, self.condition, len(z))
        return z if found is None else {"z": z, "condition": found}


def _check_numbers(indices: np.ndarray, bottleneck: Any) -> None:
    several = len(bottleneck.sizes) > 1
    last = np.array(bottleneck.sizes) - 1 if several else bottleneck.sizes[0] - 1
    first = -1 if several else 0
    wrong = indices[(indices < first) | (indices > last) | (indices % 1 != 0)]
    if wrong.size:
        highest = last.tolist() if several else last
        raise ValueError(
            f"`indices` must be whole numbers from {first} to {highest}. Received: {wrong[0]}"
        )


def _check_posterior(model: Any) -> None:
    if not isinstance(model.bottleneck, Posterior):
        raise ValueError(
            f"a posterior needs a stochastic code. Received: `{model.variant}`, whose code is "
            "deterministic. Use `encode`."
        )
