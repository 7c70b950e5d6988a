"""The mixture of posteriors as a prior."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keras_ae.distributions.noise import Draws
from keras_ae.priors.gaussian_mixture import mixture_log_probs, mixture_sample
from keras_ae.priors.prior import Prior
from keras_ae.priors.pseudo_inputs import PseudoInputs
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.priors")
class Vamp(Prior):
    """p(z) = 1/K sum_k q(z | u_k): the posteriors of K learned inputs, with equal weights.

    It needs a model with a `Gaussian` posterior.

    Args:
        components: K.

    Reference:
        Tomczak and Welling (2018), https://arxiv.org/abs/1705.07120, equation 9.

    Example:
        >>> Vamp(10).components
        10
    """

    adapts = True

    def __init__(self, components: int = 500) -> None:
        super().__init__()
        self.pseudo_inputs = PseudoInputs(components)
        self.components = self.pseudo_inputs.count

    def check_model(self, model: Any) -> None:
        """Refuse a model whose posterior is not a Gaussian one.

        Raises:
            ValueError: As said.
        """
        if not {"mean", "log_var"} <= set(model.bottleneck.reports):
            raise ValueError(
                "a VampPrior needs a model with a Gaussian posterior. "
                f"Received: {type(model.bottleneck).__name__}"
            )

    def make_weights(self, latent_shape: Shape, event_shape: Shape) -> None:
        """Make the inputs, `(components, *event_shape)`."""
        self.numbers_held = self.components * math.prod(latent_shape)
        self.pseudo_inputs.make_weights(event_shape)

    def make_conditional_weights(self, centre: Any) -> None:
        """Make the inputs' conditions."""
        self.pseudo_inputs.make_conditional_weights(centre)

    def adapt(self, model: Any, rows: Any, seed: int = 0) -> None:
        """Start the inputs at training examples."""
        self.pseudo_inputs.adapt(rows, seed)

    def log_prob(self, z: Tensor, model: Any = None) -> Tensor:
        """Return the logarithm of the mixture's density."""
        return ops.logsumexp(mixture_log_probs(z, *self._components(model)), axis=-1)

    def sample(self, shape: Any, noise: Draws, training: bool = False, model: Any = None) -> Tensor:
        """Return draws from posteriors of inputs drawn evenly."""
        return mixture_sample(shape, *self._components(model), noise, training)

    def _components(self, model: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, means and log-variances of the components."""
        parameters = model.bottleneck.distribution(self.pseudo_inputs.features(model))
        mean, log_var = parameters["mean"], parameters["log_var"]
        return ops.zeros((self.components,), "float32"), mean, log_var
