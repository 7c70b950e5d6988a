"""The trunk: one model class, whose constructor's parameters are the folders of this package."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Self, final

import keras
from keras import ops

from keras_ae import (
    arrays,
    conditions,
    corruptions,
    fitting,
    grouping,
    likelihoods,
    networks,
    normalized,
    normalizers,
    priors,
)
from keras_ae.backend import distributed, phased, whole_batch
from keras_ae.bottlenecks import Bottleneck
from keras_ae.bounds import Bounds
from keras_ae.callbacks import CompensatedMean
from keras_ae.imputation import Imputation
from keras_ae.inference import Inference
from keras_ae.naming import snake_case
from keras_ae.objectives import Term
from keras_ae.objectives.term import checked_terms
from keras_ae.parts import RecordsArguments, deserialize
from keras_ae.sampling import Sampling
from keras_ae.training import Training
from keras_ae.typing import Batch, Outputs, Shape, Tensor
from keras_ae.views import Views
from keras_ae.walks import Walks


@keras.saving.register_keras_serializable("keras_ae")
class LatentModel(
    RecordsArguments, Training, Inference, Walks, Sampling, Bounds, Imputation, keras.Model
):
    """An autoencoder as a choice of parts: x -> encoder -> bottleneck -> decoder -> p(x | z).

    The loss is the sum over the objective's terms of weight(step) * mean over the batch of
    term.value(...), in nats per example. A variant chooses parts in its `__init__`; one in which
    *who sees what* differs also overrides `autoencode`, `completed` where it infers what it was
    not told, or `decoded_of` where entries are decoded in turn, and one that does something before
    or after its steps, or between epochs, `begin`, `finish` or `between`. Nothing else is.

    Args:
        input_shape: Shape of one example, without the batch axis.
        bottleneck: What turns features into a code.
        objective: The terms to minimise.
        encoder: Name, `{"name": ..., **options}` or Keras layer of the network x -> h.
        decoder: The network z -> likelihood parameters; by default of the encoder's kind.
        hidden: Sizes of the encoder's stages from the input on; the decoder mirrors them.
        likelihood: p(x | z): "gaussian", "bernoulli", a dict or an instance.
        prior: p(z), or None for a model that cannot be sampled from.
        corruption: What is done to inputs in training, or None.
        normalize: "standard" or "minmax" scaling, measured on the training data and stored.
        missing: "mask" when NaN stands for a missing entry.
        condition: What encoder, decoder and perhaps the prior are told of each example:
            {"name": "label", "categories": 10}, the shape of a vector, or an instance.
        phases: What a training step alternates; one gradient of the whole loss when empty.
        sampler: A sampler that was fitted, from which codes are drawn instead of the prior.
    """

    group_size: int | None = None
    """Examples of a group, of a model that trains on rows which are groups."""

    def __init__(
        self,
        input_shape: Sequence[int] | int,
        *,
        bottleneck: Bottleneck,
        objective: Sequence[Term],
        encoder: Any = "mlp",
        decoder: Any = None,
        hidden: Sequence[int] | None = None,
        likelihood: Any = "gaussian",
        prior: Any = None,
        corruption: Any = None,
        normalize: Any = None,
        missing: str | None = None,
        condition: Any = None,
        phases: Sequence[phased.Phase] = (),
        sampler: priors.Source | None = None,
    ) -> None:
        # Keras would cast inputs to half precision before they are scaled.
        super().__init__(autocast=False, name=snake_case(type(self).__name__))
        self.event_shape: Shape = arrays.checked_shape(input_shape)
        if missing not in (None, "mask"):
            raise ValueError(f"`missing` must be None or 'mask'. Received: missing={missing!r}")
        self.missing = missing
        self.normalizer = normalizers.get(normalize)
        self.condition = conditions.get(condition)
        self.corruption: Any = corruptions.get(corruption)
        self.likelihood = likelihoods.get(likelihood)
        self.likelihood.check_event(self.event_shape)
        self.prior, self.sampler = priors.get(prior), sampler
        self.bottleneck = bottleneck
        self.objective = checked_terms(objective, bottleneck)
        self.phases = phased.checked(phases, [term.name for term in self.objective])
        self.step = self.add_weight(shape=(), dtype="int32", trainable=False, name="step")
        self._trackers = {term.name: CompensatedMean(name=term.name) for term in self.objective}
        self._measuring = False
        self.__dict__["views"] = Views(self)
        self._build_parts(encoder, decoder, hidden)

    def _build_parts(self, encoder: Any, decoder: Any, hidden: Any) -> None:
        scaled = self.likelihood.scaled(self.normalizer.kind, self.event_shape[-1])
        self.normalizer.build(self.event_shape, scaled)
        told = {"condition_size": 0 if self.condition is None else self.condition.size}
        self.encoder = networks.encoder(encoder, self.event_shape, hidden, **told)
        if not self.bottleneck.built:
            self.bottleneck.build((None, *self.encoder.output_shape[1:]))
        self.latent_shape: Shape = self.bottleneck.latent_shape
        decoded_shape = self.likelihood.decoded_shape(self.event_shape)
        if decoder is None:
            decoder = encoder if isinstance(encoder, (str, Mapping)) else "mlp"
        self.decoder = networks.decoder(decoder, self.latent_shape, decoded_shape, hidden, **told)
        for source in (self.prior, self.sampler):
            if source is not None:
                source.attach(self)
        for term in self.objective:
            term.attach(self)
        phased.check_moved(self)
        self.built = True

    @property
    def variant(self) -> str:
        """The registry name of the model's class."""
        return str(getattr(type(self), "variant_name", snake_case(type(self).__name__)))

    @property
    def condition_shape(self) -> Shape | None:
        """Shape of one example's condition, None of a model that takes none."""
        return None if self.condition is None else self.condition.shape

    # The forward pass.

    def autoencode(self, batch: Batch, training: bool = False, sample: bool = False) -> Outputs:
        """Return one forward pass by name; a variant may override it.

        Args:
            batch: Normalised inputs.
            training: Whether dropout, moving averages and training noise are on.
            sample: Whether randomness is: corrupted inputs and a drawn code, or the clean input
                and the code's mean.
        """
        batch = self.completed(batch, training)
        x = self.corruption(batch.x, training=training) if sample and self.corruption else batch.x
        outputs = self.bottleneck(
            self.features(x, batch, training), training=training, sample=sample
        )
        if sample:
            outputs = self.bottleneck.refine(self, batch, outputs, training)
        decoded = self.decoded_of(outputs, batch, training)
        return {**outputs, "decoded": decoded, "reconstruction": self._data_units(decoded)}

    @final
    def call(self, inputs: Any, training: bool | None = None) -> Outputs:
        """Return the forward pass that the loss sees; deterministic outside of training."""
        training = bool(training)
        return self.autoencode(self.batch(inputs), training, training or self._measuring)

    @final
    def batch(self, inputs: Any, y: Tensor | None = None) -> Batch:
        """Return inputs in data units as a normalised batch."""
        return normalized.make_batch(self, inputs, y)

    def _data_units(self, decoded: Tensor) -> Tensor:
        return self.normalizer.restore(self.likelihood.mean(decoded))

    # The loss.

    @final
    def compute_loss(
        self,
        x: Any = None,
        y: Tensor | None = None,
        y_pred: Outputs | None = None,
        sample_weight: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        """Return the weighted sum of the terms, nats per example, and log each by its name."""
        if y_pred is None:
            y_pred = self(x, training=training)
        values = self.terms(x, y, y_pred, sample_weight, training)
        self.track(values, ops.shape(normalized.examples(x))[0])
        total = self.total(values)
        if training:
            whole_batch.over_batch(self._count_step, [])
        return distributed.scale_loss(total)

    @final
    def terms(
        self,
        x: Any,
        y: Tensor | None,
        outputs: Outputs,
        sample_weight: Tensor | None = None,
        training: bool = False,
        names: Sequence[str] | None = None,
    ) -> dict[str, Tensor]:
        """Return the mean over the batch of each term (those named, or all), nats, float32."""
        weight = normalized.row_weights(self, x, sample_weight)
        batch, values = self.batch(x, y)._replace(weight=weight), {}
        if training:
            grouping.check_groups(self, normalized.examples(x))
        outputs = dict(outputs)  # to which a term may add what others need too
        for term in self.objective:
            if names is None or term.name in names:
                value = ops.cast(term.value(self, batch, outputs, training), "float32")
                if training:
                    term.observe(value, weight)
                if weight is not None and len(value.shape):  # a scalar is the batch's
                    value = value * weight
                values[term.name] = ops.mean(value)
        return values

    @final
    def total(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the weighted sum of terms and the penalties of the layers' own regularizers."""
        weights = {term.name: term.multiplier_at(self.step) for term in self.objective}
        total = sum((ops.cast(loss, "float32") for loss in self.losses), ops.zeros((), "float32"))
        for name, value in values.items():
            total = total + weights[name] * value
        return total

    def _count_step(self) -> None:
        self.step.assign_add(1)

    @property
    def means(self) -> list[CompensatedMean]:
        """The running means of a compiled model: of the loss, and of its terms."""
        return [self._loss_tracker, *self._trackers.values()]

    @final
    def track(self, values: Mapping[str, Tensor], rows: Tensor) -> None:
        """Add a batch's terms to the running means that are logged, by its number of rows."""
        for name, value in values.items():
            self._trackers[name].update_state(value, sample_weight=rows)

    @final
    def compute_metrics(
        self, x: Any, y: Tensor | None, y_pred: Outputs, sample_weight: Tensor | None = None
    ) -> dict[str, Any]:
        """Return all metrics; the user's own compare the reconstruction with its target.

        Entries that are missing count as reconstructed without an error.
        """
        target = normalized.observed_target(self, x, y, y_pred["reconstruction"])
        metrics: dict[str, Any] = super().compute_metrics(
            x, target, y_pred["reconstruction"], normalized.row_weights(self, x, sample_weight)
        )
        return metrics

    # Saving.

    @final
    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments and the dtype policy as plain data."""
        policy = keras.saving.serialize_keras_object(self.dtype_policy)
        return {**self.serialized_arguments(), "dtype": policy}

    @classmethod
    @final
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Self:
        """Make the model again from `get_config()`, under the dtype policy it had."""
        arguments = {name: deserialize(value) for name, value in config.items()}
        policy = arguments.pop("dtype", None)
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy or before)
        try:
            return cls(**arguments)
        finally:
            keras.config.set_dtype_policy(before)

    def get_build_config(self) -> dict[str, Any]:
        """Return nothing: the constructor builds the model."""
        return {}

    def build_from_config(self, config: Mapping[str, Any]) -> None:
        """Do nothing: the constructor builds the model."""

    def get_compile_config(self) -> Any:
        """Return a compile config that every backend can load."""
        return fitting.compile_config(self, super().get_compile_config())

    def export(
        self, filepath: str | os.PathLike[str], format: str = "saved_model", **options: Any
    ) -> Any:
        """Write the model for serving and check what was written; see `keras_ae.exporting`."""
        from keras_ae import exporting

        return exporting.export(self, filepath, format=format, **options)
