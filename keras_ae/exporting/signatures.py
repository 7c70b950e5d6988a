"""The functions of a model that an export offers: names, and what goes in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_ae.naming import nearest
from keras_ae.typing import Shape


@dataclass(frozen=True)
class Tensor:
    """A named tensor of a signature.

    Args:
        name: Its name in every format.
        shape: Shape of one row; the batch axis comes before it.
        dtype: "float32" or "int32".
        kind: What a probe fills it with: "data", "normal", "uniform", "latent", "indices",
            "condition".
        below: What whole numbers must be below.
        least: The least of them: 0, or -1 where that is a label that is not known.
    """

    name: str
    shape: Shape
    dtype: str = "float32"
    kind: str = "data"
    below: int | None = None
    least: int = 0


@dataclass(frozen=True)
class Signature:
    """One function of a model, row by row.

    Args:
        name: Its name in every format.
        function: The model's method.
        inputs: What goes in.
        output: What comes out.
    """

    name: str
    function: str
    inputs: tuple[Tensor, ...]
    output: Tensor

    def apply(self, model: Any, values: Mapping[str, Any]) -> Any:
        """Return the method's value; data and their condition are one input, as in training."""
        method = getattr(model, self.function)
        if "condition" not in values:
            return method(*(values[tensor.name] for tensor in self.inputs))
        if "x" in values:
            return method(dict(values))
        others = [values[t.name] for t in self.inputs if t.name != "condition"]
        return method(*others, condition=values["condition"])


def signatures_of(model: Any, names: Sequence[str] | None = None) -> tuple[Signature, ...]:
    """Return the signatures that a model has, or those that are named.

    A model has `serving_default` (which reconstructs), `encode`, `decode` and `score`; with a
    prior, `sample`, from the noise that the prior makes codes of; with a mixture as its prior,
    `responsibilities`; with a classifier, `class_probabilities`; with a codebook, `encode_indices`
    and `decode_indices`. One with a condition takes `condition` beside its input.

    Raises:
        ValueError: A name is not one of a signature of the model's.
    """
    found = {signature.name: signature for signature in _all(model)}
    if names is None:
        return tuple(found.values())
    if isinstance(names, str) or not names:
        raise ValueError(f"`signatures` must be names of signatures. Received: {names!r}")
    for name in names:
        if name not in found:
            raise ValueError(
                f"a signature of `{model.variant}` must be one of {list(found)}. "
                f"Received: {name!r}. {nearest(name, found)}"
            )
    return tuple(found[name] for name in found if name in names)


def _all(model: Any) -> list[Signature]:
    condition = _condition(model, of_codes=True)
    rows = Tensor("x", model.event_shape)
    x = (rows, *_condition(model, of_codes=False))
    latent = Tensor("latent", model.latent_shape, kind="latent")
    indices = Tensor("indices", getattr(model.bottleneck, "index_shape", ()), "int32", "indices")
    reconstruction = Tensor("reconstruction", model.event_shape)
    found = [
        Signature("serving_default", "reconstruct_tensor", x, reconstruction),
        Signature("encode", "encode_tensor", x, latent),
        Signature("decode", "decode_tensor", (latent, *condition), reconstruction),
        Signature("score", "score_tensor", x, Tensor("score", ())),
    ]
    if model.source is not None:
        noise = (*_noise(model), *condition)
        sample = Tensor("sample", model.event_shape)
        found.append(Signature("sample", "sample_tensor", noise, sample))
    if model.clusters is not None:
        shares = Tensor("responsibilities", (model.clusters,))
        found.append(Signature("responsibilities", "responsibilities_tensor", x, shares))
    if model.classifier is not None:
        shares = Tensor("class_probabilities", (model.classifier.classes,))
        function = "class_probabilities_tensor"
        found.append(Signature("class_probabilities", function, (rows,), shares))
    if "indices" in model.bottleneck.reports:
        decoded = (indices, *condition)
        found += [
            Signature("encode_indices", "encode_indices_tensor", x, indices),
            Signature("decode_indices", "decode_indices_tensor", decoded, reconstruction),
        ]
    return found


def _condition(model: Any, of_codes: bool) -> tuple[Tensor, ...]:
    told = model.condition
    if told is None:
        return ()
    below = getattr(told, "categories", None)
    least = -1 if told.partial and not of_codes else 0
    return (Tensor("condition", told.shape, told.number_type, "condition", below, least),)


def _noise(model: Any) -> tuple[Tensor, ...]:
    draws = model.prior_noise()
    names = ["noise"] if len(draws) == 1 else [f"noise_{i}" for i in range(len(draws))]
    return tuple(
        Tensor(name, shape, kind=kind) for name, (kind, shape) in zip(names, draws, strict=True)
    )
