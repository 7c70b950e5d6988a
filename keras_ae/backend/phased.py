"""A training step of several phases, each with its own weights, terms and optimizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops


@dataclass(frozen=True)
class Phase:
    """One gradient step within a training step.

    Args:
        name: The phase's name, which is its optimizer's.
        layers: The layers whose weights move, a function of the model.
        terms: Names of the terms that are minimised.
        repeats: How often the phase is run in a training step.
    """

    name: str
    layers: Callable[[Any], list[Any]]
    terms: tuple[str, ...]
    repeats: int = 1

    def variables(self, model: Any) -> list[Any]:
        """Return the weights that move."""
        found: list[Any] = []
        for layer in self.layers(model):
            known = {id(v) for v in found}
            found += [v for v in layer.trainable_variables if id(v) not in known]
        return found


def checked(phases: Sequence[Phase], terms: Sequence[str]) -> tuple[Phase, ...]:
    """Return phases as a tuple.

    Args:
        phases: As they are given.
        terms: Names of the objective's terms.

    Raises:
        ValueError: A phase minimises a term that there is not, or no phase one that there is.
    """
    named = {name for phase in phases for name in phase.terms}
    if phases and named != set(terms):
        raise ValueError(
            f"phases must minimise all terms of the objective, {sorted(terms)}, and no others. "
            f"Received: {sorted(named)}"
        )
    return tuple(phases)


def layers(*names: str) -> Callable[[Any], list[Any]]:
    """Return what finds the layers of these names that a model has: "encoder", "prior"."""
    return lambda model: [layer for name in names if (layer := getattr(model, name)) is not None]


def critics(model: Any) -> list[Any]:
    """Return the critics that the terms of a model's objective own."""
    return [term.critic for term in model.objective if hasattr(term, "critic")]


def with_critic(game: str, *terms: str) -> tuple[Phase, Phase]:
    """Return the phases of an autoencoder, which minimises all terms, and of a game's critic.

    Args:
        game: Name of the game's term.
        *terms: Names of the others.
    """
    autoencoder = layers("encoder", "bottleneck", "decoder")
    return (
        Phase("autoencoder", autoencoder, (*terms, game)),
        Phase("critic", critics, (game,)),
    )


def check_moved(model: Any) -> None:
    """Refuse phases that leave a weight where it is.

    Raises:
        ValueError: As said.
    """
    moved = {id(v) for phase in model.phases for v in phase.variables(model)}
    still = [v.path for v in model.trainable_variables if id(v) not in moved]
    if model.phases and still:
        raise ValueError(
            f"phases must move every weight that can be trained. Received: none for {still}. "
            "Add its layer to a phase, or pass `alternate=False`."
        )


def train_step(model: Any, *arguments: Any) -> Any:
    """Run all phases on one batch, in order, on whatever backend runs.

    The arguments and the value are those of the Keras trainer's own `train_step`.
    """
    # Not a `match`, which TensorFlow's AutoGraph cannot read, and says so.
    steps: dict[str, Callable[..., Any]] = {
        "jax": _jax_step,
        "tensorflow": _tensorflow_step,
        "torch": _torch_step,
    }
    return steps[keras.backend.backend()](model, *arguments)


def _schedule(model: Any) -> list[tuple[Phase, list[Any]]]:
    return [(p, p.variables(model)) for p in model.phases for _ in range(p.repeats)]


def _log(model: Any, values: dict[str, Any], batch: tuple[Any, ...], outputs: Any) -> Any:
    """Count the step, track the terms and the loss, and return the metrics."""
    x, y, sample_weight = batch
    rows = ops.shape(outputs["latent"])[0]
    loss = model.total(values)
    model.track(values, rows)
    model.step.assign_add(1)
    model.optimizer.iterations.assign_add(1)
    model._loss_tracker.update_state(loss, sample_weight=rows)
    return model.compute_metrics(x, y, outputs, sample_weight)


def _tensorflow_step(model: Any, data: Any) -> Any:
    import tensorflow as tf

    batch = keras.utils.unpack_x_y_sample_weight(data)
    values: dict[str, Any] = {}
    outputs: Any = None
    for phase, variables in _schedule(model):
        with tf.GradientTape() as tape:
            loss, found, outputs = _forward(model, phase, batch)
        gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
        model.optimizer.apply_phase(phase.name, gradients, variables)
        values.update(found)
    return _log(model, values, batch, outputs)


def _torch_step(model: Any, data: Any) -> Any:
    import torch

    batch = keras.utils.unpack_x_y_sample_weight(data)
    values: dict[str, Any] = {}
    outputs: Any = None
    for phase, variables in _schedule(model):
        loss, found, outputs = _forward(model, phase, batch)
        # Not `backward()`: it would add to the gradients of the other players' weights.
        tensors = [v.value for v in variables]
        gradients = torch.autograd.grad(loss, tensors, allow_unused=True)
        filled = [
            torch.zeros_like(t) if g is None else g for g, t in zip(gradients, tensors, strict=True)
        ]
        with torch.no_grad():
            model.optimizer.apply_phase(phase.name, filled, variables)
        values.update({name: value.detach() for name, value in found.items()})
    with torch.no_grad():
        return _log(model, values, batch, outputs)


def _jax_step(model: Any, state: Any, data: Any) -> Any:
    import jax

    batch = keras.utils.unpack_x_y_sample_weight(data)
    groups = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    everything = [v for group in groups for v in group]
    beside = [*groups[1], *groups[3]]  # what a forward pass moves
    now = {
        id(v): value
        for g, s in zip(groups, state, strict=True)
        for v, value in zip(g, s, strict=True)
    }

    def scope(changes: dict[int, Any]) -> keras.StatelessScope:
        return keras.StatelessScope([(v, changes.get(id(v), now[id(v)])) for v in everything])

    values: dict[str, Any] = {}
    outputs: Any = None
    for phase, variables in _schedule(model):

        def loss_of(weights: list[Any], phase: Phase = phase, variables: Any = variables) -> Any:
            moved = {id(v): w for v, w in zip(variables, weights, strict=True)}
            with scope(moved) as inner:
                loss, found, outputs = _forward(model, phase, batch)
            return loss, (found, outputs, [inner.get_current_value(v) for v in beside])

        weights = [now[id(v)] for v in variables]
        (_, aux), gradients = jax.value_and_grad(loss_of, has_aux=True)(weights)
        found, outputs, fixed = aux
        now.update({id(v): value for v, value in zip(beside, fixed, strict=True)})
        with scope({}) as inner:
            model.optimizer.apply_phase(phase.name, gradients, variables)
        now.update({id(v): inner.get_current_value(v) for v in (*groups[0], *groups[2])})
        values.update(found)
    with scope({}) as inner:
        logs = _log(model, values, batch, outputs)
    return logs, tuple([inner.get_current_value(v) for v in group] for group in groups)


def _forward(model: Any, phase: Phase, batch: tuple[Any, ...]) -> tuple[Any, dict[str, Any], Any]:
    """Return the phase's loss, its terms' values by name, and the outputs."""
    x, y, sample_weight = batch
    outputs = model(x, training=True)
    values = model.terms(x, y, outputs, sample_weight, True, phase.terms)
    return model.total(values), values, outputs
