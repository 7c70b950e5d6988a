"""Priors p(z): where new examples are drawn from."""

from __future__ import annotations

from typing import Any

from keras_ae.parts import resolve
from keras_ae.priors.autoregressive_normal import AutoregressiveNormal
from keras_ae.priors.bernoulli import Bernoulli
from keras_ae.priors.categorical import Categorical
from keras_ae.priors.class_normals import ClassNormals
from keras_ae.priors.conditional import Conditional
from keras_ae.priors.conditional_normal import ConditionalNormal
from keras_ae.priors.flow import Flow
from keras_ae.priors.gaussian_mixture import GaussianMixture
from keras_ae.priors.hyperspherical_uniform import HypersphericalUniform
from keras_ae.priors.joint import Joint
from keras_ae.priors.prior import Prior
from keras_ae.priors.scaled_normal import ScaledNormal
from keras_ae.priors.source import Source
from keras_ae.priors.standard_normal import StandardNormal
from keras_ae.priors.two_level_vamp import TwoLevelVamp
from keras_ae.priors.vamp import Vamp
from keras_ae.priors.wrapped_normal import WrappedNormal

PARTS: dict[str, type[Prior]] = {
    "autoregressive_normal": AutoregressiveNormal,
    "bernoulli": Bernoulli,
    "categorical": Categorical,
    "class_normals": ClassNormals,
    "conditional_normal": ConditionalNormal,
    "flow": Flow,
    "gaussian_mixture": GaussianMixture,
    "hyperspherical_uniform": HypersphericalUniform,
    "joint": Joint,
    "scaled_normal": ScaledNormal,
    "standard_normal": StandardNormal,
    "two_level_vamp": TwoLevelVamp,
    "vamp": Vamp,
    "wrapped_normal": WrappedNormal,
}


def get(identifier: Any) -> Prior | None:
    """Return the prior of this name, of this `{"name": ...}`, or the given one."""
    prior: Prior | None = resolve("prior", identifier, PARTS, Prior)
    return prior


__all__ = [
    "PARTS",
    "AutoregressiveNormal",
    "Bernoulli",
    "Categorical",
    "ClassNormals",
    "Conditional",
    "ConditionalNormal",
    "Flow",
    "GaussianMixture",
    "HypersphericalUniform",
    "Joint",
    "Prior",
    "ScaledNormal",
    "Source",
    "StandardNormal",
    "TwoLevelVamp",
    "Vamp",
    "WrappedNormal",
    "get",
]
