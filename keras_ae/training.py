"""How a model trains and is measured: Keras's own methods, with checked data and sampled losses."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_ae import fitting, starting
from keras_ae import inputs as data
from keras_ae.backend import phased
from keras_ae.distributions.noise import start_evaluation
from keras_ae.parts import checked_size


class Training(keras.Model):
    """The half of a model that trains and is measured."""

    _measuring: bool

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        *,
        sample_weight: Any = None,
        validation_data: Any = None,
        callbacks: Any = None,
        patience: int | None = None,
        **options: Any,
    ) -> keras.callbacks.History:
        """Train; like `keras.Model.fit`, with checked data and a stopping criterion.

        Args:
            x: Inputs in data units: arrays, a dict, `tf.data`, a DataLoader, a generator.
            y: What to reconstruct instead of x, in x's shape.
            sample_weight: A weight for each example, `(rows,)`.
            validation_data: Inputs, or a tuple (x, y) or (x, y, sample_weight).
            callbacks: Keras callbacks.
            patience: Stop after this many epochs without a better validation loss (training loss
                without validation data) and restore the best weights.
            **options: Everything else that `keras.Model.fit` takes.
        """
        if getattr(self, "_compile_loss", None) is not None:
            raise ValueError(
                "the loss must be the model's objective. Received: compile(loss=...). "
                "Compile without `loss`; change the terms instead."
            )
        x, y, sample_weight = fitting.prepare(self, x, y, sample_weight)
        validates = validation_data is not None or bool(options.get("validation_split"))
        if validation_data is not None:
            validation_data = fitting.prepare_validation(self, validation_data)
        fitting.give_phases_their_optimizers(self)
        held = options.get("validation_split") or 0.0
        rows = starting.TrainingRows(x, options.get("steps_per_epoch"), held, sample_weight)
        starting.start(self, rows, y)
        given = {"y": y, "sample_weight": sample_weight, "validation_data": validation_data}
        with fitting.loop(self, x, callbacks, **given, **options) as arguments:
            watchers = fitting.callbacks(callbacks, patience, validates, arguments["x"])
            if type(self).between is not Training.between:
                each = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: self.between(rows))
                watchers.append(each)
            history = super().fit(callbacks=watchers, **arguments)
        self.finish(rows)
        return history

    def begin(self, rows: starting.TrainingRows, is_new: bool) -> None:
        """Do what a variant does before the steps of each `fit`; nothing by default.

        Args:
            rows: Those that train.
            is_new: Whether the model has taken no step yet.
        """

    def between(self, rows: starting.TrainingRows) -> None:
        """Do what a variant does after each epoch; nothing by default.

        `self.stop_training = True` ends the training.

        Args:
            rows: Those that train.
        """

    def finish(self, rows: starting.TrainingRows) -> None:
        """Do what a variant does after the steps of each `fit`; nothing by default.

        Args:
            rows: Those that trained.
        """

    def adapt(self, x: Any) -> None:
        """Measure what `normalize` asked for on `x`, once more where it was measured before."""
        checked = data.check_data(x, self.event_shape, self.missing, self.condition)
        self.normalizer.adapt(data.batches_of(checked))

    def train_step(self, *arguments: Any) -> Any:
        """Run Keras's own step, or the phases that the model alternates."""
        if self.phases:
            return phased.train_step(self, *arguments)
        return super().train_step(*arguments)

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, **options: Any
    ) -> Any:
        """Take one training step; scaling must have been measured (`adapt`, or `fit` before)."""
        prepared = fitting.prepare(self, x, y, sample_weight)
        self.normalizer.check_adapted()
        fitting.give_phases_their_optimizers(self)
        return super().train_on_batch(*prepared, **options)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, **options: Any
    ) -> Any:
        """Return the loss and its terms on one batch, with codes drawn from the posterior."""
        prepared = fitting.prepare(self, x, y, sample_weight)
        self.normalizer.check_adapted()
        with self._measure():
            return super().test_on_batch(*prepared, **options)

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        *,
        sample_weight: Any = None,
        samples: int = 1,
        seed: int = 0,
        **options: Any,
    ) -> Any:
        """Return the loss and its terms, with codes drawn from the posterior.

        Args:
            x: Inputs, as for `fit`.
            y: What to reconstruct instead of x.
            sample_weight: A weight for each example, `(rows,)`.
            samples: Number K of passes with their own noise, whose mean is returned.
            seed: Start of the noise: the same seed gives the same numbers.
            **options: Everything else that `keras.Model.evaluate` takes.
        """
        x, y, sample_weight = fitting.prepare(self, x, y, sample_weight)
        self.normalizer.check_adapted()
        samples = checked_size("samples", samples)
        start_evaluation(self, seed)
        parts = tuple(part for part in (x, y, sample_weight) if part is not None)
        with self._measure(), fitting.measuring(self, parts, options) as arguments:
            runs = [super(Training, self).evaluate(**arguments) for _ in range(samples)]
        if isinstance(runs[0], dict):
            return {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
        return np.mean(runs, axis=0).tolist()

    @contextlib.contextmanager
    def _measure(self) -> Iterator[None]:
        before, self._measuring = self._measuring, True
        left_out = [(mean, mean.leaves_out) for mean in (self.means if self.compiled else ())]
        for mean, _ in left_out:
            mean.leaves_out = False
        try:
            yield
        finally:
            self._measuring = before
            for mean, was in left_out:
                mean.leaves_out = was
