"""The bound of examples of which only some have a label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae import networks
from keras_ae.distributions import special
from keras_ae.objectives import draws
from keras_ae.objectives.rate import check_rate, check_uncorrupted, divergence
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_positive
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class SemiSupervised(Term):
    """The negative bound on log p(x, y) of labelled rows and on log p(x) of the others.

    With L(x, y) = -log p(x | y, z) + KL(q(z | x, y) || p(z)) - log p(y), all classes equally likely
    before, a labelled row has L(x, y) - a log q(y | x), another one
    sum_y q(y | x) (L(x, y) + log q(y | x)): every class is decoded. q(y | x) is a network that the
    term owns. a is `classification` over the share of rows that have a label, so that
    `classification` weighs the mean over labelled rows beside the mean over all.

    Args:
        classification: Weight of the classifier's loss, positive.
        hidden: Sizes of the classifier's stages.
        kind: Name or dict of its network.
        weight: The term's multiplier.

    Reference:
        Kingma et al. (2014), https://arxiv.org/abs/1406.5298, equations 6, 7 and 9;
        `classification` is the paper's alpha / N, 0.1.
    """

    scores = True

    def __init__(
        self,
        classification: float = 0.1,
        hidden: Sequence[int] | None = None,
        kind: Any = "mlp",
        weight: Weight = 1.0,
    ) -> None:
        super().__init__(weight, name="semi_supervised")
        self.classification = checked_positive("classification", classification)
        self.hidden, self.kind = hidden, kind
        self.labelled_share = self.add_weight(
            name="labelled_share", shape=(), initializer="ones", trainable=False, dtype="float32"
        )

    def attach(self, model: Any) -> None:
        """Make the classifier.

        Raises:
            ValueError: The model has no posterior or prior, is not told labels of which some may be
                unknown, or has a part that the decoding of every class would mislead.
        """
        check_rate(type(self).__name__, model)
        check_uncorrupted(type(self).__name__, model)
        if getattr(model.likelihood, "method", None) == "analytic":
            raise ValueError(
                "a variance that is measured would be measured under wrong labels too. Received: "
                "CalibratedGaussian('analytic'). Take 'learned'."
            )
        if model.condition is None or not model.condition.partial:
            raise ValueError(
                "SemiSupervised needs a condition that is a label and may be unknown. Received: "
                f"{model.condition!r}. Pass condition=Label(categories, partial=True)."
            )
        network = networks.encoder(self.kind, model.event_shape, self.hidden)
        self.classes = model.condition.categories
        flat = keras.layers.Flatten("channels_last")(network.output)
        logits = keras.layers.Dense(self.classes, dtype="float32", name="logits")(flat)
        self.classifier = keras.Model(network.input, logits, name="classifier")

    def measure(self, labels: np.ndarray) -> None:
        """Note which share of the training rows has a label, -1 where there is none."""
        self.labelled_share.assign(max(float(np.mean(np.asarray(labels) >= 0)), 1e-6))

    def log_probabilities(self, model: Any, x: Tensor, training: bool = False) -> Tensor:
        """Return log q(y | x) of normalised rows, `(batch, classes)`."""
        seen = model.likelihood.encoder_input(x)
        return special.log_softmax(self.classifier(seen, training=training))

    def completed(self, model: Any, batch: Batch, training: bool = False) -> Batch:
        """Return a batch whose unknown labels are q(y | x)."""
        inferred = ops.exp(self.log_probabilities(model, batch.x, training))
        known = ops.sum(batch.condition, axis=-1, keepdims=True)
        # A label out of range is NaN, which nothing hides.
        return batch._replace(condition=ops.where(known == 0, inferred, batch.condition))

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return the negative bound and the classifier's loss, `(batch,)`, nats."""
        label = batch.condition
        log_q = self.log_probabilities(model, batch.x, training)
        each = self.of_every_class(model, batch, training)
        known = ops.sum(label, axis=-1)
        cross_entropy = -ops.sum(label * log_q, axis=-1)
        scale = self.classification / ops.convert_to_tensor(self.labelled_share)
        labelled = ops.sum(label * each, axis=-1) + scale * cross_entropy
        unlabelled = ops.sum(ops.exp(log_q) * (each + log_q), axis=-1)
        return ops.where(known == 0, unlabelled, labelled)

    def of_every_class(self, model: Any, batch: Batch, training: bool) -> Tensor:
        """Return L(x, y) of all labels y, at a draw of each, `(batch, classes)`, nats."""
        rows = Batch(*(draws.repeated(part, self.classes) for part in batch))
        every = ops.eye(self.classes, dtype="float32")
        one_hot = ops.tile(every, (ops.shape(batch.x)[0], 1))
        rows = rows._replace(condition=one_hot)
        outputs = draws.passed(model, rows, training)
        density = draws.log_likelihood(model, outputs["decoded"], rows, self.classes, training)
        rate = ops.reshape(divergence(model, outputs, rows), (-1, self.classes))
        return rate - density + math.log(self.classes)

    def score(self, model: Any, batch: Batch, outputs: Outputs) -> Tensor:
        """Return -log p(x | y, z) + KL at the code, y the label or its probabilities, nats."""
        density = model.likelihood.log_prob(outputs["decoded"], batch.target, batch.mask)
        return divergence(model, outputs, batch) - density
