"""A model as functions of tensors, one batch at a time: what views run and exports hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops

from keras_ae import conditioning, networks
from keras_ae.distributions import special
from keras_ae.distributions.event import expand_mask
from keras_ae.distributions.noise import CountedNoise, GivenNoise
from keras_ae.typing import Batch, Outputs, Shape, Tensor


class TensorFunctions:
    """Codes, reconstructions, scores and samples of a batch of tensors, without checks."""

    def encode_tensor(self: Any, x: Any) -> Tensor:
        """Return codes `(batch, *latent_shape)`: the posterior mean, or the code."""
        return ops.cast(self._infer(x)["latent"], "float32")

    def decode_tensor(self: Any, z: Any, condition: Tensor | None = None) -> Tensor:
        """Return E[x | z] `(batch, *event_shape)` in data units.

        Args:
            z: Codes `(batch, *latent_shape)`, or a dict of them as `z` and their `condition`.
            condition: Of each code, of a model that takes one.
        """
        if isinstance(z, Mapping):
            z, condition = z["z"], z["condition"]
        return self._data_units(self.decoded_tensor(z, self.embedded(condition)))

    def completed(self: Any, batch: Batch, training: bool = False) -> Batch:
        """Return a batch with what the model infers where it was not told; by default as it is.

        What goes through the networks is completed; terms are given the batch as it came.
        """
        return batch

    @property
    def classifier(self: Any) -> Any:
        """The term that learns q(y | x), None of a model without."""
        return next((t for t in self.objective if hasattr(t, "log_probabilities")), None)

    def class_probabilities_tensor(self: Any, x: Any) -> Tensor:
        """Return q(y | x) of a model that learns to classify, `(batch, classes)`."""
        given = dict(x) if isinstance(x, Mapping) else {"x": x}
        unknown = ops.full((ops.shape(given["x"])[0],), -1, dtype="int32")
        batch = self.batch({**given, "condition": unknown})
        return ops.exp(self.classifier.log_probabilities(self, batch.x))

    @property
    def clusters(self: Any) -> int | None:
        """The number of clusters that rows are divided into, None of a model without."""
        if "shares" in self.bottleneck.reports:
            return int(self.bottleneck.clusters)
        return self.prior.components if hasattr(self.prior, "joint_log_prob") else None

    # The two places where an example and its condition meet a network.

    def features(
        self: Any, x: Tensor, batch: Batch, training: bool = False, encoder: Any = None
    ) -> Tensor:
        """Return the encoder's features h, or a copy's; it is given a mask if it looks at one."""
        encoder = self.encoder if encoder is None else encoder
        x = self.likelihood.encoder_input(x)
        given = networks.joined(encoder, x, batch.condition)
        if batch.seen is not None and networks.takes_gaps(encoder):
            seen = expand_mask(batch.seen, batch.x) * ops.ones_like(batch.x)
            return encoder(given, training=training, mask=seen > 0)
        if batch.mask is not None and networks.takes_mask(encoder, self.event_shape):
            steps = batch.mask > 0
            steps = ops.any(steps, axis=-1) if len(steps.shape) == 3 else steps
            mask = [steps, None] if isinstance(given, list) else steps
            return encoder(given, training=training, mask=mask)
        return encoder(given, training=training)

    def decoded_tensor(
        self: Any, z: Tensor, condition: Tensor | None = None, training: bool = False
    ) -> Tensor:
        """Return the likelihood's parameters of codes, `(batch, *decoded_shape)`.

        Args:
            z: Codes `(batch, *latent_shape)`.
            condition: Their conditions as vectors `(batch, size)`, as in `Batch`.
            training: Whether dropout and moving averages are on.
        """
        return self.decoder(self.decoder_input(z, condition), training=training)

    def decoder_input(self: Any, z: Tensor, condition: Tensor | None) -> Any:
        """Return what the decoder's network is given of codes and their conditions' vectors."""
        return networks.joined(self.decoder, self.bottleneck.to_decoder(z), condition)

    def decoded_of(self: Any, outputs: Outputs, batch: Batch, training: bool = False) -> Tensor:
        """Return the likelihood's parameters at draws of the rows' posteriors, or at their codes.

        They follow from the code alone; a variant may override it where they follow from the row's
        own entries too, in a model p(x | z) = prod_t p(x_t | z, x_1..t-1).

        Args:
            outputs: What the bottleneck returned.
            batch: The rows, as many.
            training: Whether dropout and moving averages are on.
        """
        return self.decoded_tensor(outputs["latent"], batch.condition, training)

    def embedded(self: Any, condition: Tensor | None) -> Tensor | None:
        """Return conditions in data units as vectors `(batch, size)`, None of a model without.

        Raises:
            ValueError: They are lacking, too many, or of another shape.
        """
        return conditioning.embedded(condition, self.condition)

    def reconstruct_tensor(self: Any, x: Any) -> Tensor:
        """Return reconstructions `(batch, *event_shape)` in data units."""
        return self._infer(x)["reconstruction"]

    def score_tensor(self: Any, x: Any) -> Tensor:
        """Return anomaly scores `(batch,)`, nats: the scoring terms at the code's mean."""
        batch = self.completed(self.batch(x))
        outputs = self.autoencode(batch)
        terms = [term for term in self.objective if term.scores]
        values = [term.score(self, batch, outputs) for term in terms]
        return sum(values[1:], values[0])

    def responsibilities_tensor(self: Any, x: Any) -> Tensor:
        """Return the shares of clusters in rows, `(batch, clusters)`: see `responsibilities`."""
        if "shares" in self.bottleneck.reports:
            return ops.cast(self._infer(x)["shares"], "float32")
        joint = self.prior.joint_log_prob(self.encode_tensor(x))
        return ops.exp(special.log_softmax(joint))

    def features_tensor(self: Any, x: Any) -> Tensor:
        """Return what the bottleneck starts from: the vectors to quantize."""
        batch = self.completed(self.batch(x))
        return self.bottleneck.project(self.features(batch.x, batch))

    def unrounded_tensor(self: Any, x: Any) -> Outputs:
        """Return by name what a bottleneck rounds to whole numbers, `(batch, ...)` each."""
        batch = self.completed(self.batch(x))
        found: Outputs = self.bottleneck.unrounded(self.features(batch.x, batch))
        return found

    def posterior_tensor(self: Any, x: Any) -> Outputs:
        """Return the parameters of q(z | x) by name, `(batch, ...)` each."""
        batch = self.completed(self.batch(x))
        parameters: Outputs = self.bottleneck.distribution(self.features(batch.x, batch))
        return parameters

    def draw_tensor(self: Any, x: Any) -> Tensor:
        """Return one posterior draw for each row, `(batch, *latent_shape)`."""
        batch = self.completed(self.batch(x))
        outputs = self.bottleneck(self.features(batch.x, batch), sample=True)
        return ops.cast(self.bottleneck.refine(self, batch, outputs)["latent"], "float32")

    def corrupt_tensor(self: Any, x: Any) -> Tensor:
        """Return corrupted inputs in data units, `(batch, *event_shape)`."""
        return self.normalizer.restore(self.corruption(self.batch(x).x, training=False))

    def encode_indices_tensor(self: Any, x: Any) -> Tensor:
        """Return the numbers of the codes, `(batch, *index_shape)`, int32."""
        return self._infer(x)["indices"]

    def decode_indices_tensor(self: Any, indices: Any, condition: Tensor | None = None) -> Tensor:
        """Return E[x | z] of the codes of these numbers, `(batch, *event_shape)`, data units."""
        if isinstance(indices, Mapping):
            indices, condition = indices["z"], indices["condition"]
        return self.decode_tensor(self.bottleneck.lookup(indices), condition)

    def sample_tensor(
        self: Any,
        *noise: Tensor,
        condition: Tensor | None = None,
        label: Tensor | None = None,
        observed: bool = False,
    ) -> Tensor:
        """Return E[x | z] of codes that prior or sampler make of noise, `(batch, *event_shape)`.

        Args:
            noise: Each draw that they ask for, `(batch, ...)`: see `prior_noise`; for observed
                examples then those of `likelihood_noise`.
            condition: Of each example, of a model that takes one.
            label: Numbers of classes `(batch,)`, for samplers of classes.
            observed: Whether to return a draw of p(x | z) instead of its mean.
        """
        shape = (ops.shape(noise[0])[0], *self.latent_shape)
        of_class = {} if label is None else {"label": label}
        given, condition = GivenNoise(noise), self.embedded(condition)
        z = self.source.given(condition).sample(shape, given, model=self, **of_class)
        decoded = self.decoded_tensor(z, condition)
        if observed:
            return self.normalizer.restore(self.likelihood.sample(decoded, given))
        return self._data_units(decoded)

    def prior_noise(self: Any) -> list[tuple[str, Shape]]:
        """Return kind, "normal" or "uniform", and shape of the noise of one code."""
        self.source.check_ready(self)
        noise: list[tuple[str, Shape]] = self.source.noise_of_one(self)
        return noise

    def likelihood_noise(self: Any) -> list[tuple[str, Shape]]:
        """Return kind and shape of the noise of one draw of p(x | z)."""
        noise = CountedNoise()
        decoded_shape = self.likelihood.decoded_shape(self.event_shape)
        self.likelihood.sample(ops.zeros((1, *decoded_shape)), noise)
        return [(kind, shape[1:]) for kind, shape in noise.draws]

    def _infer(self: Any, x: Any) -> Outputs:
        return self.autoencode(self.batch(x), training=False, sample=False)
