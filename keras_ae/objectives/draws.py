"""Many draws for each row, decoded at once, and how likely they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from keras import ops

from keras_ae.objectives.rate import ratio
from keras_ae.typing import Batch, Outputs, Tensor


class Draws(NamedTuple):
    """Draws of the posterior, each row's one after another, as a batch of rows * samples.

    Args:
        outputs: Parameters and draw by name, `(rows * samples, ...)` each.
        batch: The rows that the draws belong to, as many.
    """

    outputs: Outputs
    batch: Batch


def drawn(
    model: Any, batch: Batch, parameters: Mapping[str, Any], samples: int, training: bool = False
) -> Draws:
    """Return so many draws of each row's posterior.

    Args:
        model: The model.
        batch: Normalised rows.
        parameters: Of the rows' posteriors, `(rows, ...)` each.
        samples: Draws for each row.
        training: Whether noise and state advance.
    """
    rows = Batch(*(repeated(part, samples) for part in batch))
    many = {key: repeated(value, samples) for key, value in parameters.items()}
    outputs = {**many, **model.bottleneck.draw(many, training)}
    return Draws(model.bottleneck.refine(model, rows, outputs, training), rows)


def passed(model: Any, rows: Batch, training: bool = False) -> Outputs:
    """Return a forward pass of rows that a term made itself: parameters, a draw, and `decoded`."""
    features = model.features(rows.x, rows, training)
    outputs = model.bottleneck(features, training=training, sample=True)
    outputs = model.bottleneck.refine(model, rows, outputs, training)
    decoded = model.decoded_of(outputs, rows, training)
    return {**outputs, "decoded": decoded}


def log_likelihood(
    model: Any, decoded: Tensor, batch: Batch, samples: int, training: bool = False
) -> Tensor:
    """Return log p(x | z) of decoded draws and their rows, `(rows, samples)`, nats."""
    return completed(model, decoded, batch, samples, training)[0]


def completed(
    model: Any, decoded: Tensor, batch: Batch, samples: int, training: bool = False
) -> tuple[Tensor, Tensor | None]:
    """Return the same, and rows `(rows * samples, *event_shape)` whose gaps it has drawn, if any.

    These are normalised units; None of a likelihood to which gaps do not matter.
    """
    density, rows = model.likelihood.at_a_draw(
        decoded, batch.target, batch.mask, training, batch.weight
    )
    return ops.reshape(density, (-1, samples)), rows


def rate(model: Any, outputs: Outputs, batch: Batch, samples: int) -> Tensor:
    """Return log q(z | x) - log p(z) of draws and their rows, `(rows, samples)`, nats."""
    return ops.reshape(ratio(model, outputs, batch), (-1, samples))


def repeated(rows: Tensor | None, samples: int) -> Tensor | None:
    """Return every row so many times, one after another; None as it is."""
    return None if rows is None else ops.repeat(rows, samples, axis=0)
