"""Flows z -> z': invertible maps, which make a simple density a rich one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_ae.flows.affine_coupling import AffineCoupling
from keras_ae.flows.flow import Flow
from keras_ae.flows.householder import Householder
from keras_ae.flows.inverse_autoregressive import InverseAutoregressive
from keras_ae.flows.masked_autoregressive import MaskedAutoregressive
from keras_ae.flows.permutation import Reverse
from keras_ae.flows.planar import Planar
from keras_ae.flows.radial import Radial
from keras_ae.flows.spline_coupling import SplineCoupling
from keras_ae.flows.stack import Stack
from keras_ae.flows.sylvester import Sylvester
from keras_ae.parts import checked_size, resolve

DEPTH = 4
"""Steps of the flow of a prior, a posterior or a sampler, where its name does not say."""

PARTS: dict[str, type[Flow]] = {
    "affine_coupling": AffineCoupling,
    "householder": Householder,
    "inverse_autoregressive": InverseAutoregressive,
    "masked_autoregressive": MaskedAutoregressive,
    "planar": Planar,
    "radial": Radial,
    "reverse": Reverse,
    "spline_coupling": SplineCoupling,
    "sylvester": Sylvester,
}


def get(identifier: Any, depth: int | None = None) -> Flow:
    """Return a stack of flows of this name or `{"name": ..., "depth": ..., **options}`.

    Between steps that depend on the order of the coordinates it is reversed. A given flow is
    returned as it is.

    Args:
        identifier: A name, a dict with a name, or a flow.
        depth: Number of steps where the identifier does not say; 1 by default.

    Raises:
        ValueError: The name, an option or the depth is unknown or impossible.
        TypeError: The identifier has another type.

    Example:
        >>> [type(flow).__name__ for flow in get("affine_coupling", depth=2).flows]
        ['AffineCoupling', 'Reverse', 'AffineCoupling']
    """
    if isinstance(identifier, Flow):
        return identifier
    options = dict(identifier) if isinstance(identifier, Mapping) else {"name": identifier}
    given = options.pop("depth", depth)
    flows: list[Flow] = []
    for _ in range(1 if given is None else checked_size("depth", given)):
        flow = resolve("flow", dict(options), PARTS, Flow)
        flows += [Reverse(), flow] if flows and flow.is_ordered else [flow]
    return Stack(flows)


__all__ = [
    "DEPTH",
    "PARTS",
    "AffineCoupling",
    "Flow",
    "Householder",
    "InverseAutoregressive",
    "MaskedAutoregressive",
    "Planar",
    "Radial",
    "Reverse",
    "SplineCoupling",
    "Stack",
    "Sylvester",
    "get",
]
