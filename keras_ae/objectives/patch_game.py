"""A game between reconstructions and a critic that looks at patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ae.backend.gradients import gradient_of
from keras_ae.networks import stages
from keras_ae.objectives.game import Game, check_examples, check_unmasked, held
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_claim, checked_sizes
from keras_ae.typing import Batch, Outputs, Shape, Tensor

MOST_WEIGHT, LEAST_NORM = 1e4, 1e-6
"""Of the adaptive weight, and what is added to the norm that it is divided by."""


@keras.saving.register_keras_serializable("keras_ae.objectives")
class PatchGame(Game):
    """Reconstructions are made to look true to a critic D of overlapping patches.

    The critic minimises (max(0, 1 - D(x)) + max(0, 1 + D(x~))) / 2, the mean over patches, of data
    x and reconstructions x~; encoder, code and decoder minimise -lambda D(x~) with the critic held
    fixed. lambda brings both losses to one size at the decoder's last layer: |grad L| /
    (|grad D| + 1e-6) by its kernel, at most 10^4, where L is what the objective's other terms make
    of a reconstruction, both means over the batch.

    Args:
        weight: The multiplier of the autoencoder's share; the critic's own is always 1. A schedule
            lets the game begin later.
        hidden: Filters of the critic's strided convolutions.
        adaptive: Whether there is a lambda; else it is 1.

    Reference:
        Esser et al. (2021), https://arxiv.org/abs/2012.09841, equations 5 to 7; Isola et al.
        (2017), https://arxiv.org/abs/1611.07004, section 3.2.2, for patches; Lim and Ye (2017),
        https://arxiv.org/abs/1705.02894, for the hinge. The bound on lambda is that of the first's
        program.
    """

    def __init__(
        self, weight: Weight = 1.0, hidden: Sequence[int] = (64, 128), adaptive: bool = True
    ) -> None:
        super().__init__(weight)
        self.hidden = checked_sizes("hidden", hidden)
        self.adaptive = checked_claim("adaptive", adaptive)

    def attach(self, model: Any) -> None:
        """Make the critic for the model's examples.

        Raises:
            ValueError: Examples are no maps, have missing entries or whole numbers, or where lambda
                is wanted, the decoder does not end in a layer with a kernel, or no other term
                looks at reconstructions.
        """
        check_examples("a game over patches", model)
        self.critic = patch_critic(model.event_shape, self.hidden)
        if self.adaptive:
            last_kernel(model.decoder)
            if not any(term.scores for term in model.objective):
                raise ValueError(
                    "an adaptive weight needs a term of reconstructions beside the game. Received: "
                    f"{[term.name for term in model.objective]}. Pass adaptive=False."
                )

    def shares(
        self, model: Any, batch: Batch, outputs: Outputs, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Return the autoencoder's and the critic's losses, each `(batch,)`."""
        check_unmasked("a game over patches", batch)
        made = expected(model, outputs["decoded"])
        true, false = (
            self.critic(shown(model, x), training=training)
            for x in (batch.target, ops.stop_gradient(made))
        )
        critic = 0.5 * (mean(ops.relu(1.0 - true)) + mean(ops.relu(1.0 + false)))
        autoencoder = -mean(held(self.critic, shown(model, made)))
        if self.adaptive:
            autoencoder = self.balance(model, batch, outputs) * autoencoder
        return autoencoder, critic

    def balance(self, model: Any, batch: Batch, outputs: Outputs) -> Tensor:
        """Return lambda, a scalar without a gradient."""
        last = last_kernel(model.decoder)
        given = ops.stop_gradient(model.decoder_input(outputs["latent"], batch.condition))
        # A scope hides an outer one, so it names all that the model has.
        now = [(v, ops.stop_gradient(v.value)) for v in model.variables if v is not last]

        def decoded(kernel: Tensor) -> Tensor:
            with keras.StatelessScope([*now, (last, kernel)]):
                return model.decoder(given, training=False)

        def of_terms(kernel: Tensor) -> Tensor:
            found = {**outputs, "decoded": decoded(kernel)}
            terms = [t for t in model.objective if t.scores]
            parts = [
                t.multiplier_at(model.step) * t.value(model, batch, found, False) for t in terms
            ]
            return ops.mean(sum(parts[1:], parts[0]))

        def of_critic(kernel: Tensor) -> Tensor:
            made = expected(model, decoded(kernel))
            return ops.mean(held(self.critic, shown(model, made)))

        kernel = ops.stop_gradient(last.value)
        a, b = (_norm(gradient_of(f, kernel)) for f in (of_terms, of_critic))
        return ops.stop_gradient(ops.minimum(a / (b + LEAST_NORM), MOST_WEIGHT))


def patch_critic(shape: Shape, hidden: Sequence[int]) -> keras.Model:
    """Return a network from examples to a map of logits, one for each patch.

    Args:
        shape: Of one example, a map with channels.
        hidden: Filters of the strided convolutions; one more, not strided, gives the logits.
    """
    rank = stages.check_map(shape, "patch")
    x = inputs = keras.Input(shape, name="x")
    conv = stages.layer("Conv", rank)
    for i, filters in enumerate(hidden):
        x = conv(filters, 4, strides=2, padding="same", name=f"stage_{i}")(x)
        x = keras.layers.LeakyReLU(0.2, name=f"bent_{i}")(x)
    logits = conv(1, 4, padding="same", dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="critic")


def expected(model: Any, decoded: Tensor) -> Tensor:
    """Return E[x | z] in normalised units, float32."""
    return ops.cast(model.likelihood.mean(decoded), "float32")


def shown(model: Any, examples: Tensor) -> Tensor:
    """Return examples as a critic is given them."""
    return model.likelihood.encoder_input(ops.cast(examples, "float32"))


def mean(values: Tensor) -> Tensor:
    """Return the mean over all axes but the first, `(batch,)`."""
    return ops.mean(values, axis=tuple(range(1, len(values.shape))))


def last_kernel(decoder: Any) -> Any:
    """Return the kernel of a decoder's last layer with weights.

    Raises:
        ValueError: It has none.
    """
    layers = [layer for layer in getattr(decoder, "layers", [decoder]) if layer.weights]
    last: Any = layers[-1] if layers else None
    if not hasattr(last, "kernel"):
        raise ValueError(
            "an adaptive weight needs a decoder whose last layer with weights has a kernel. "
            f"Received: {type(last).__name__}. Pass adaptive=False."
        )
    return last.kernel


def _norm(gradient: Tensor) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(gradient)))
