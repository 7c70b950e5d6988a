"""What every term of an objective promises."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, final

from keras import ops

from keras_ae.objectives.weight import ControlledWeight, Weight, checked_weight, value_at
from keras_ae.parts import Part
from keras_ae.typing import Batch, Outputs, Tensor


class Term(Part):
    """One summand of the objective: weight(step) * mean over the batch of `value(...)`.

    A term that holds state (a critic) makes it in `attach`. It receives the model as an argument
    and never keeps it.

    Args:
        weight: The term's multiplier: a number that is not negative, a Keras schedule over the
            model's own step counter (`LinearWarmup`, `CyclicalWarmup`), or a `ControlledWeight`.
        name: The name under which the term is logged.
    """

    needs: tuple[str, ...] = ()
    """The keys that the bottleneck must report."""

    scores: bool = False
    """Whether the term belongs to the anomaly score of an example."""

    weighs_itself: bool = False
    """Whether the value holds the weight already, in one of its parts."""

    of_batch: bool = False
    """Whether the value is a property of the whole batch, which is not a mean over rows."""

    def __init__(self, weight: Weight = 1.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.weight = checked_weight("weight", weight)
        self.built = True

    def attach(self, model: Any) -> None:
        """Make the state that depends on the model's shapes; nothing by default."""

    def adapt(self, rows: int | None) -> None:
        """Learn before training how many rows there are, None where nobody knows; nothing more."""

    @final
    def weight_at(self, step: Tensor) -> Tensor:
        """Return the multiplier at this training step, float32."""
        return value_at(self.weight, step)

    @final
    def multiplier_at(self, step: Tensor) -> Tensor:
        """Return what the value is multiplied by: the weight, or 1 where it holds it already."""
        return ops.ones((), "float32") if self.weighs_itself else self.weight_at(step)

    @final
    def observe(self, value: Tensor, row_weight: Tensor | None = None) -> None:
        """Let a controlled weight follow the values of a training step, and of weighted rows."""
        if isinstance(self.weight, ControlledWeight):
            self.weight.observe(value, row_weight)

    @abstractmethod
    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return nats per example, `(batch,)`, or a scalar for a property of the whole batch."""

    def score(self, model: Any, batch: Batch, outputs: Outputs) -> Tensor:
        """Return the term's part in the anomaly score, `(batch,)`: its value by default."""
        return self.value(model, batch, outputs, False)


def checked_terms(terms: Sequence[Term], bottleneck: Any) -> list[Term]:
    """Return the terms of an objective as a list.

    Raises:
        ValueError: There are none, two have one name, or one needs what the bottleneck does not
            report.
    """
    names = [term.name for term in terms]
    if not names or len(set(names)) < len(names):
        raise ValueError(
            f"an objective must have terms of different names. Received: names={names}"
        )
    for term in terms:
        missing = sorted(set(term.needs) - {"latent", *bottleneck.reports})
        if missing:
            raise ValueError(
                f"{type(term).__name__} needs {sorted(term.needs)}, of which "
                f"{type(bottleneck).__name__} does not report {missing}."
            )
    return list(terms)
