"""Terms of codes over a dictionary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_ae.backend.largest import largest
from keras_ae.backend.whole_batch import over_batch
from keras_ae.bottlenecks.sparse import DictionaryCode
from keras_ae.callbacks import AtomUsage
from keras_ae.distributions.event import expand_mask
from keras_ae.likelihoods import Gaussian
from keras_ae.objectives.term import Term
from keras_ae.objectives.weight import Weight
from keras_ae.parts import checked_size, checked_sizes
from keras_ae.typing import Batch, Outputs, Tensor


class AtomTerm(Term):
    """A term of a sparse code, beside which training and `evaluate` log `AtomUsage`."""

    needs = ("pre_activations",)

    def attach(self, model: Any) -> None:
        """Make the counts of the atoms, and learn whether codes are the whole batch's."""
        self.of_batch = model.bottleneck.of_batch
        self.usage = AtomUsage(model.bottleneck.size, math.prod(model.event_shape))

    def count(self, model: Any, batch: Batch, outputs: Outputs) -> Tensor:
        """Count a batch's atoms, and return what the codes leave, `(batch, width)`, normalised."""
        target = flat(batch.target)
        error = observed(target - flat(model.likelihood.mean(outputs["decoded"])), batch)
        centred = observed(target - ops.convert_to_tensor(model.bottleneck.centre), batch)
        seen = None if batch.mask is None else observed(ops.ones_like(error), batch)
        self.usage.update_state(outputs["latent"], centred, error, seen)
        return error


def flat(values: Tensor) -> Tensor:
    """Return the numbers of each example as a vector, `(batch, width)`."""
    return ops.reshape(values, (ops.shape(values)[0], -1))


def observed(values: Tensor, batch: Batch) -> Tensor:
    """Return numbers of a batch `(batch, width)`, 0 where an entry is missing."""
    if batch.mask is None:
        return values
    return values * flat(expand_mask(batch.mask, batch.target) * ops.ones_like(batch.target))


@keras.saving.register_keras_serializable("keras_ae.objectives")
class DeadAtoms(AtomTerm):
    """What codes leave, explained by atoms that are not used: |e - relu(p) D|^2 / 2.

    e is x - x^, and p the largest pre-activations of atoms that no one of so many examples before
    has used. It brings them back; without such it is 0.

    Args:
        weight: The term's multiplier: alpha.
        atoms: How many of them explain an example; half of the data's numbers when None.
        after: Examples without use after which an atom is dead.

    Reference:
        Gao et al. (2024), https://arxiv.org/abs/2406.04093, appendix A.2: AuxK.
    """

    def __init__(
        self, weight: Weight = 1 / 32, atoms: int | None = None, after: int = 10_000
    ) -> None:
        super().__init__(weight, name="dead_atoms_error")
        self.atoms = None if atoms is None else checked_size("atoms", atoms)
        self.after = checked_size("after", after)

    def attach(self, model: Any) -> None:
        """Make the counters, of examples since an atom was used."""
        super().attach(model)
        size = model.bottleneck.size
        given = {"trainable": False, "dtype": "float32", "autocast": False}
        self.since = self.add_weight(name="since", shape=(size,), initializer="zeros", **given)
        self.chosen = min(size, self.atoms or max(1, math.prod(model.event_shape) // 2))

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return |e - relu(p) D|^2 / 2, `(batch,)`, 0 if no atom is dead."""
        error = ops.stop_gradient(self.count(model, batch, outputs))
        dead = ops.convert_to_tensor(self.since) >= self.after
        pre = ops.where(dead, outputs["pre_activations"], -1e30)
        code = ops.where(largest(pre, self.chosen), ops.relu(pre), 0.0)
        left = error - observed(model.bottleneck.dictionary.combined(code), batch)
        if training:
            used = ops.sum(ops.cast(ops.not_equal(outputs["latent"], 0.0), "float32"), axis=0)
            rows = ops.cast(ops.shape(pre)[0], "float32")
            over_batch(self._count_since, [used, rows])
        return 0.5 * ops.sum(ops.square(left), axis=1) * ops.cast(ops.any(dead), "float32")

    def _count_since(self, used: Tensor, rows: Tensor) -> None:
        self.since.assign(ops.where(used > 0, 0.0, ops.convert_to_tensor(self.since) + rows))


@keras.saving.register_keras_serializable("keras_ae.objectives")
class L0Sparsity(AtomTerm):
    """How many entries of a code are not zero, with the gradient that stands for the jumps'.

    Args:
        weight: The term's multiplier: lambda, nats that an entry must be worth.

    Reference:
        Rajamanoharan et al. (2024), https://arxiv.org/abs/2407.14435, equation 9.
    """

    needs = ("active",)

    def __init__(self, weight: Weight = 1.0) -> None:
        super().__init__(weight, name="l0_sparsity")

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return the number of active entries, `(batch,)`."""
        self.count(model, batch, outputs)
        return ops.sum(outputs["active"], axis=1)


@keras.saving.register_keras_serializable("keras_ae.objectives")
class GateSparsity(AtomTerm):
    """The size of what opens gates: sum_j relu(p_j).

    Args:
        weight: The term's multiplier: lambda.

    Reference:
        Rajamanoharan et al. (2024), https://arxiv.org/abs/2404.16014, equation 8, second term.
    """

    def __init__(self, weight: Weight = 1.0) -> None:
        super().__init__(weight, name="gate_sparsity")

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return sum_j relu(p_j), `(batch,)`."""
        self.count(model, batch, outputs)
        return ops.sum(ops.relu(outputs["pre_activations"]), axis=1)


@keras.saving.register_keras_serializable("keras_ae.objectives")
class GateReconstruction(Term):
    """The error of what opens gates, by the dictionary as it stands: |x - relu(p) D - b|^2 / 2.

    No gradient passes to D and b.

    Args:
        weight: The term's multiplier.

    Reference:
        Rajamanoharan et al. (2024), https://arxiv.org/abs/2404.16014, equation 8, third term.
    """

    needs = ("pre_activations",)

    def __init__(self, weight: Weight = 1.0) -> None:
        super().__init__(weight, name="gate_reconstruction")

    def attach(self, model: Any) -> None:
        """Refuse a likelihood whose parameters are not the data's own mean.

        Raises:
            ValueError: It is no normal.
        """
        if not isinstance(model.likelihood, Gaussian):
            raise ValueError(
                "what opens gates is compared with data as a sum of atoms: the likelihood must be "
                f"'gaussian'. Received: {type(model.likelihood).__name__}"
            )

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return half of the squared error of each example, `(batch,)`."""
        dictionary = model.bottleneck.dictionary
        atoms, bias = map(
            ops.stop_gradient, (dictionary.atoms, ops.convert_to_tensor(dictionary.bias))
        )
        made = ops.matmul(ops.relu(outputs["pre_activations"]), atoms) + bias
        error = observed(flat(batch.target) - made, batch)
        return 0.5 * ops.sum(ops.square(error), axis=1)


@keras.saving.register_keras_serializable("keras_ae.objectives")
class NestedReconstruction(Term):
    """The distortion of the first atoms alone, summed over ever larger dictionaries.

    sum_i -log p(x | z_1..m_i D_1..m_i + b): each must explain the data by itself, so that the first
    atoms stand for what is general, and later ones for details.

    Args:
        sizes: m_1 < m_2 < ..., all smaller than the dictionary, whose own distortion is
            `Reconstruction`'s.
        weight: The term's multiplier.

    Reference:
        Bussmann et al. (2025), https://arxiv.org/abs/2503.17547, equation 4.
    """

    def __init__(self, sizes: Sequence[int], weight: Weight = 1.0) -> None:
        super().__init__(weight, name="nested_reconstruction")
        self.sizes = checked_sizes("sizes", sizes)
        if not self.sizes or list(self.sizes) != sorted(set(self.sizes)):
            raise ValueError(f"`sizes` must rise. Received: sizes={sizes}")

    def attach(self, model: Any) -> None:
        """Check that the dictionary is larger.

        Raises:
            ValueError: It is not, or the code is none over a dictionary.
        """
        code = model.bottleneck
        if not isinstance(code, DictionaryCode) or self.sizes[-1] >= code.size:
            raise ValueError(
                "nested dictionaries must be smaller than the code's. Received: "
                f"sizes={list(self.sizes)}, {type(code).__name__} of {code.latent_shape}"
            )

    def value(self, model: Any, batch: Batch, outputs: Outputs, training: bool) -> Tensor:
        """Return the sum of the distortions, `(batch,)`, nats."""
        code, dictionary = outputs["latent"], model.bottleneck.dictionary
        atoms, made = dictionary.atoms, ops.convert_to_tensor(dictionary.bias)
        total: Any = 0.0
        for low, high in zip((0, *self.sizes), self.sizes, strict=False):
            made = made + ops.matmul(code[:, low:high], atoms[low:high])
            decoded = ops.reshape(made, ops.shape(outputs["decoded"]))
            total = total - model.likelihood.log_prob(decoded, batch.target, batch.mask)
        return total
