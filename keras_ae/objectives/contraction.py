"""The contraction of an encoder: how little its code moves with its input."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

from keras_ae import networks
from keras_ae.backend.recurrent import written_out
from keras_ae.distributions.event import sum_event
from keras_ae.distributions.noise import Noise
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_size
from keras_ae.typing import Batch, Outputs, Tensor


@keras.saving.register_keras_serializable("keras_ae.objectives")
class Contraction(Term):
    """The squared Frobenius norm of the encoder's Jacobian: |dz/dx|_F^2.

    "exact" carries the Jacobian through the encoder's dense layers by the chain rule; "hutchinson"
    estimates it for any encoder, without bias, from products with random directions:
    E |J v|^2 = |J|_F^2 for v ~ N(0, I). Both are derivatives, never differences.

    Args:
        weight: The term's multiplier: lambda.
        estimator: "exact" (encoders of Flatten, Dense and Activation layers) or "hutchinson".
        probes: Number of random directions for each example, for "hutchinson".

    Reference:
        Rifai et al. (2011), https://icml.cc/2011/papers/455_icmlpaper.pdf, equations 1 and 7.
    """

    def __init__(
        self,
        weight: Weight = 0.1,
        estimator: Literal["exact", "hutchinson"] = "exact",
        probes: int = 1,
    ) -> None:
        super().__init__(weight, name="contraction")
        if estimator not in ("exact", "hutchinson"):
            raise ValueError(
                f"`estimator` must be 'exact' or 'hutchinson'. Received: estimator={estimator!r}"
            )
        self.estimator, self.probes = estimator, checked_size("probes", probes)
        self.noise = Noise()

    def attach(self, model: Any) -> None:
        """Check that the exact form is known for the model's encoder.

        Raises:
            ValueError: The encoder has layers that the exact form does not know.
        """
        if self.estimator == "exact":
            _dense_layers(model)

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return |dz/dx|_F^2 at the clean input, `(batch,)`, float32."""
        x = model.likelihood.encoder_input(ops.cast(batch.x, "float32"))
        if self.estimator == "exact":
            return exact_frobenius(_dense_layers(model), *_joined(model, x, batch.condition))
        total: Tensor = 0.0
        for _ in range(self.probes):
            direction = self.noise.normal(ops.shape(x), "float32", training)
            # The deterministic path: state that advances cannot be differentiated on torch.
            with written_out():
                _, moved = ops.jvp(lambda v: _code(model, v, batch), (x,), (direction,))
            total = total + sum_event(ops.square(ops.cast(moved, "float32")))
        return total / self.probes


def exact_frobenius(
    layers: list[tuple[Any, Any]], x: Tensor, moving: Tensor | None = None
) -> Tensor:
    """Return |dz/dx|_F^2 of a stack of dense layers, `(batch,)`.

    Args:
        layers: (dense layer, its activation) from the input to the code.
        x: Inputs `(batch, ...)`, flattened first.
        moving: 1 for the inputs by which derivatives are taken, else 0, `(1, ...)`; all when None.
    """
    h = ops.reshape(x, (ops.shape(x)[0], -1))
    jacobian: Tensor = None
    for dense, activation in layers:
        kernel = ops.cast(dense.kernel, "float32")
        a = ops.matmul(h, kernel)
        if dense.use_bias:
            a = a + ops.cast(dense.bias, "float32")
        h, slope = ops.jvp(activation, (a,), (ops.ones_like(a),))
        # (batch, input, units): the derivative of every unit by every input.
        if jacobian is None:
            through = kernel[None] if moving is None else kernel * ops.reshape(moving, (-1, 1))
        else:
            through = ops.matmul(jacobian, kernel)
        jacobian = through * slope[:, None, :]
    return sum_event(ops.square(jacobian))


def _code(model: Any, x: Tensor, batch: Batch) -> Tensor:
    given = networks.joined(model.encoder, x, batch.condition)
    return model.bottleneck(model.encoder(given, training=False), training=False)["latent"]


def _joined(model: Any, x: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return what the encoder is given, and which of it are the example's own numbers."""
    if condition is None:
        return x, None
    own = networks.joined(model.encoder, ops.ones_like(x[:1]), ops.zeros_like(condition[:1]))
    return networks.joined(model.encoder, x, condition), own


def _dense_layers(model: Any) -> list[tuple[Any, Any]]:
    pairs: list[tuple[Any, Any]] = []
    for layer in [*_leaves(model.encoder), model.bottleneck.flatten, model.bottleneck.projection]:
        if isinstance(layer, keras.layers.Dense):
            pairs.append((layer, layer.activation))
        elif isinstance(layer, keras.layers.Activation) and pairs:
            dense, first = pairs.pop()
            pairs.append((dense, _composed(layer.activation, first)))
        elif not isinstance(layer, (keras.layers.Flatten, keras.layers.InputLayer)):
            raise ValueError(
                "an exact contraction needs an encoder of Flatten, Dense and Activation layers. "
                f"Received: {type(layer).__name__}. Use estimator='hutchinson'."
            )
    return pairs


def _composed(outer: Any, inner: Any) -> Any:
    return lambda a: outer(inner(a))


def _leaves(layer: Any) -> list[Any]:
    inner = getattr(layer, "layers", None)
    return [leaf for child in inner for leaf in _leaves(child)] if inner else [layer]
