"""A classifier on the codes of a trained model: a linear probe, or the model tuned to labels."""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal, cast

import keras
from keras import ops

from keras_ae import inputs
from keras_ae.copies import copied
from keras_ae.parts import MadeAgain, checked_claim, checked_size
from keras_ae.typing import Tensor

POOLS = ("mean", "all")
START_ROWS = 10_000


@keras.saving.register_keras_serializable("keras_ae")
class Classifier(MadeAgain, keras.Model):
    """Probabilities of classes, by one linear layer on the codes of a trained model.

    The classifier has a copy of the model, whose encoder learns on beside the layer, unless it is
    `frozen`: then the layer alone learns, which is a linear probe. The model itself stays as it is.
    Codes are standardised before the layer, by moving averages that start at the mean and variance
    of the first 10,000 rows of training. Data are given in the model's own
    units, conditions and gaps as to the model, and labels as whole numbers from 0 on.

    Args:
        model: A trained model.
        classes: Number of classes.
        pool: Of codes with several places, such as patches, steps or maps: "mean" for the mean over
            places, or "all" for all their numbers.
        frozen: Whether the encoder stays as it was trained.

    Raises:
        ValueError: An argument is none of what is said.

    Reference:
        He et al. (2022), https://arxiv.org/abs/2111.06377, appendix A.1: the standardisation
        without an affine transformation, after Doersch et al. (2015).

    Example:
        >>> import keras_ae, numpy as np
        >>> x, labels = np.eye(6, dtype="float32"), np.arange(6) % 2
        >>> model = keras_ae.create("autoencoder", input_shape=(6,), latent_dim=2)
        >>> probe = Classifier(model, classes=2, frozen=True)
        >>> probe.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        >>> history = probe.fit(x, labels, epochs=1, verbose=0)
        >>> probe.predict(x, verbose=0).shape
        (6, 2)
    """

    def __init__(
        self,
        model: Any,
        classes: int,
        *,
        pool: Literal["mean", "all"] = "mean",
        frozen: bool = False,
    ) -> None:
        # Keras would cast inputs to half precision before they are scaled.
        super().__init__(autocast=False, name="classifier")
        if not hasattr(model, "latent_shape"):
            raise ValueError(f"`model` must be one of keras_ae's. Received: {type(model).__name__}")
        if pool not in POOLS:
            raise ValueError(f"`pool` must be one of {POOLS}. Received: pool={pool!r}")
        if checked_size("classes", classes) < 2:
            raise ValueError(f"`classes` must be 2 or more. Received: classes={classes}")
        self.pool, self.frozen = pool, checked_claim("frozen", frozen)
        self.autoencoder = copied(model)
        _keep_to_codes(self.autoencoder, frozen)
        self.standardize = keras.layers.BatchNormalization(
            center=False, scale=False, epsilon=1e-6, momentum=0.9, dtype="float32"
        )
        self.head = keras.layers.Dense(classes, activation="softmax", dtype="float32")
        shape = model.latent_shape
        width = shape[-1] if pool == "mean" else math.prod(shape)
        self.standardize.build((None, width))
        self.head.build((None, width))
        self.built = True

    def call(self, x: Any, training: bool = False) -> Tensor:
        """Return probabilities of the classes, `(batch, classes)` float32.

        Args:
            x: Data units, as the model takes them.
            training: Whether averages move, and the encoder's dropout is on.
        """
        model, learns = self.autoencoder, training and not self.frozen
        batch = model.completed(model.batch(x), learns)
        h = model.features(batch.x, batch, learns)
        z = ops.cast(model.bottleneck(h, training=learns, sample=False)["latent"], "float32")
        return cast(Tensor, self.head(self.standardize(self._pooled(z), training=training)))

    def _pooled(self, z: Tensor) -> Tensor:
        """Return one vector of each code `(batch, *latent_shape)`."""
        if self.pool == "all":
            return ops.reshape(z, (-1, math.prod(self.autoencoder.latent_shape)))
        places = tuple(range(1, len(z.shape) - 1))
        return ops.mean(z, axis=places) if places else z

    def fit(self, x: Any = None, *others: Any, **options: Any) -> keras.callbacks.History:
        """Train on examples and labels, as Keras does."""
        labels = options.get("y", others[0] if others else None)
        self._check_labels(labels)
        if self.compiled and not int(self.optimizer.iterations):
            self._start(x)
        with warnings.catch_warnings():
            # Of a bottleneck's weights some are not the code's, such as its deviation's.
            warnings.filterwarnings("ignore", "Gradients do not exist")
            return super().fit(x, *others, **options)

    def _check_labels(self, labels: Any) -> None:
        """Refuse numbers of classes that there are not, which JAX would train on."""
        if labels is None or not inputs.is_in_memory(labels):
            return
        given, classes = ops.convert_to_numpy(labels), self.head.units
        numbers = given.ndim == 1 or given.shape[1:] == (1,)
        if numbers and given.size and not (given.min() >= 0 and given.max() < classes):
            raise ValueError(
                f"labels must be whole numbers from 0 to {classes - 1} for classes={classes}. "
                f"Received: {given.min()} to {given.max()}"
            )

    def _start(self, x: Any) -> None:
        """Start the averages at those of the first rows of arrays; streams move them alone."""
        if not inputs.is_in_memory(x):
            return
        codes = self.autoencoder.encode(inputs.first_rows(x, START_ROWS))
        codes = ops.convert_to_numpy(self._pooled(ops.convert_to_tensor(codes)))
        self.standardize.set_weights([codes.mean(axis=0), codes.var(axis=0)])


def _keep_to_codes(model: Any, frozen: bool) -> None:
    """Leave weights trainable that codes depend on, or none."""
    for layer in model.layers:
        layer.trainable = False
    # After the others: a decoder may hold the bottleneck.
    model.encoder.trainable = model.bottleneck.trainable = not frozen
