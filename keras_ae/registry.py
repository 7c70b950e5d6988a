"""The variants by name: file name -> class, folder -> family."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import keras

from keras_ae.latent_model import LatentModel
from keras_ae.naming import nearest
from keras_ae.parts import check_options

Class = TypeVar("Class", bound=type[LatentModel])

_VARIANTS: dict[str, type[LatentModel]] = {}
_PAPERS: dict[str, str] = {}


@dataclass(frozen=True)
class VariantInfo:
    """What is known of a variant.

    Args:
        name: Registry name, which is the file's name.
        family: The folder it is in.
        summary: First line of its docstring.
        paper: Author, year and address.
        parameters: Constructor parameters and their defaults, the trunk's last; a parameter
            without a default holds `inspect.Parameter.empty`.
    """

    name: str
    family: str
    summary: str
    paper: str
    parameters: dict[str, Any]


def variant(paper: str) -> Callable[[Class], Class]:
    """Register a class under its file's name; to be used as a decorator.

    Args:
        paper: Author, year and address of the paper that the class follows.

    Raises:
        ValueError: The name is taken, or is not the class's name in lower case.
    """

    def register(cls: Class) -> Class:
        name = cls.__module__.rpartition(".")[2]
        if name.replace("_", "") != cls.__name__.lower():
            raise ValueError(
                "a variant's class must be named as its file without underscores. "
                f"Received: class {cls.__name__} in {name}.py"
            )
        if name in _VARIANTS and _VARIANTS[name].__module__ != cls.__module__:
            raise ValueError(f"a variant's name must be new. Received: {name!r} twice")
        cls.variant_name = name
        _VARIANTS[name], _PAPERS[name] = cls, paper
        registered: Class = keras.saving.register_keras_serializable("keras_ae.models")(cls)
        return registered

    return register


def variant_class(name: str) -> type[LatentModel]:
    """Return the class of this registry name.

    Raises:
        ValueError: No variant has this name; the nearest names are suggested.
    """
    if name not in _VARIANTS:
        raise ValueError(
            f"a variant must be one of the registered ones. Received: {name!r}. "
            f"{nearest(name, _VARIANTS)}"
        )
    return _VARIANTS[name]


def create(name: str, **hyper_parameters: Any) -> LatentModel:
    """Return a new model of the variant `name`.

    Args:
        name: Registry name, such as "vae".
        **hyper_parameters: The variant's own and the trunk's: `input_shape`, `latent_dim`,
            `hidden`, `encoder`, `likelihood`, ... (`describe(name).parameters` lists them).

    Raises:
        ValueError: The name or a hyper-parameter is unknown, or a value is impossible.

    Example:
        >>> model = create("autoencoder", input_shape=(8,), latent_dim=2, hidden=[16])
        >>> model.latent_shape
        (2,)
    """
    cls = variant_class(name)
    known = parameters(cls)
    check_options(f"variant {name!r}", _with_signature(known), hyper_parameters)
    for required in (key for key, value in known.items() if value is inspect.Parameter.empty):
        if required not in hyper_parameters:
            raise ValueError(
                f"variant {name!r} needs `{required}`. Received: {sorted(hyper_parameters)}"
            )
    return cls(**hyper_parameters)


def list_variants() -> list[str]:
    """Return the names of all variants, sorted."""
    return sorted(_VARIANTS)


def describe(name: str) -> VariantInfo:
    """Return family, summary, paper and parameters of a variant.

    Raises:
        ValueError: No variant has this name.
    """
    cls = variant_class(name)
    return VariantInfo(
        name=name,
        family=cls.__module__.split(".")[-2],
        summary=(inspect.getdoc(cls) or "").partition("\n")[0],
        paper=_PAPERS[name],
        parameters=parameters(cls),
    )


def parameters(cls: type[LatentModel]) -> dict[str, Any]:
    """Return the constructor's parameters and defaults, those forwarded to the trunk included."""
    signature = inspect.signature(cls.__init__).parameters
    own = {
        key: value.default
        for key, value in signature.items()
        if key != "self" and value.kind is not inspect.Parameter.VAR_KEYWORD
    }
    if any(value.kind is inspect.Parameter.VAR_KEYWORD for value in signature.values()):
        chosen = getattr(cls, "chooses", ())
        trunk = inspect.signature(LatentModel.__init__).parameters
        for key, value in trunk.items():
            if key not in ("self", "bottleneck", "objective", "phases", "sampler", *chosen):
                own.setdefault(key, value.default)
    return own


def _with_signature(known: dict[str, Any]) -> Callable[..., None]:
    def accepts() -> None: ...

    accepts.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY) for key in known]
    )
    return accepts
