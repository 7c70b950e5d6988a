"""Likelihoods p(x | z): how a decoder's output scores and becomes data."""

from __future__ import annotations

from typing import Any

from keras_ae.likelihoods.bernoulli import Bernoulli
from keras_ae.likelihoods.gaussian import Gaussian
from keras_ae.likelihoods.likelihood import Likelihood
from keras_ae.parts import resolve

PARTS: dict[str, type[Likelihood]] = {"bernoulli": Bernoulli, "gaussian": Gaussian}


def get(identifier: Any) -> Likelihood:
    """Return the likelihood of this name, of this `{"name": ...}`, or the given one."""
    likelihood: Likelihood = resolve("likelihood", identifier, PARTS, Likelihood)
    return likelihood


__all__ = ["PARTS", "Bernoulli", "Gaussian", "Likelihood", "get"]
