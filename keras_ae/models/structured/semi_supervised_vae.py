"""The VAE of examples of which only some have a label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_ae import conditions, inputs
from keras_ae.bottlenecks import Gaussian
from keras_ae.conditions import Label
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import SemiSupervised
from keras_ae.registry import variant
from keras_ae.starting import TrainingRows
from keras_ae.typing import Batch


@variant(paper="Kingma et al. (2014), https://arxiv.org/abs/1406.5298")
class SemiSupervisedVAE(LatentModel):
    """Learns to classify from few labels and many examples without one.

    Minimises L(x, y) - a log q(y | x) of labelled rows and sum_y q(y | x) (L(x, y) + log q(y | x))
    of the others, L(x, y) = -log p(x | y, z) + KL(q(z | x, y) || p(z)) - log p(y): the model M2.
    Rows are {"x": x, "condition": labels}, -1 where there is no label. `class_probabilities(x)` is
    q(y | x); a code is the style z, made with the label where one is given. The paper's M1+M2
    is this model on the codes of another, `vae.encode(x)`.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of z.
        condition: The classes: `{"name": "label", "categories": 10}` or a `Label`.
        classification: Weight of the classifier's loss, positive; see `SemiSupervised`.
        classifier: Name or dict of the network q(y | x).
        classifier_hidden: Sizes of its stages; the network's own when None.
        prior: p(z); the paper's by default.
        **trunk: See `LatentModel`.

    Reference:
        Kingma et al. (2014), https://arxiv.org/abs/1406.5298, equations 6 to 9.

    Example:
        >>> rows = np.random.default_rng(0).random((20, 6))
        >>> labels = np.where(np.arange(20) < 5, np.arange(20) % 2, -1)
        >>> model = SemiSupervisedVAE((6,), 2, condition={"name": "label", "categories": 2})
        >>> model.compile("adam")
        >>> history = model.fit({"x": rows, "condition": labels}, verbose=0)
        >>> model.class_probabilities(rows).shape
        (20, 2)
    """

    infers_labels = True

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        condition: Any,
        classification: float = 0.1,
        classifier: Any = "mlp",
        classifier_hidden: Sequence[int] | None = None,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        label = conditions.get(condition)
        if not isinstance(label, Label):
            raise ValueError(
                "`condition` must be a label. Received: "
                f"condition={condition!r}. Pass {{'name': 'label', 'categories': 10}}."
            )
        super().__init__(
            input_shape,
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=[SemiSupervised(classification, classifier_hidden, classifier)],
            condition=Label(label.categories, label.names, partial=True),
            **trunk,
        )

    def completed(self, batch: Batch, training: bool = False) -> Batch:
        """Return a batch whose unknown labels are q(y | x)."""
        return self.objective[0].completed(self, batch, training)

    def begin(self, rows: TrainingRows, is_new: bool) -> None:
        """Note which share of the training rows has a label.

        Raises:
            ValueError: The data can be read only once, or have no labels.
        """
        labels = inputs.conditions_of_rows(rows.x, rows.steps)
        self.objective[0].measure(np.concatenate(list(labels)))
