"""What is said of the modalities of an example, and the parts that follow from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras

from keras_ae import networks
from keras_ae.likelihoods import MixedTabular
from keras_ae.networks import modal
from keras_ae.parts import checked_sizes

KNOWN = ("encoder", "hidden", "likelihood", "scale", "shape")


class Modalities:
    """Several views of an example, side by side in one vector.

    Args:
        described: Name -> `{"shape": 784 or [28, 28, 1], "likelihood": ..., "encoder": ...,
            "hidden": [...], "scale": lambda}`, in the order of the columns; all but the shape may
            be left out.
        condition_size: Length of what encoders and decoders are told, 0 for nothing.

    Raises:
        ValueError: There is none, or one has no shape or an unknown key.
    """

    def __init__(self, described: Mapping[str, Mapping[str, Any]], condition_size: int = 0) -> None:
        if not isinstance(described, Mapping) or not described:
            raise ValueError(
                "`modalities` must be a dict of at least one modality by name. "
                f"Received: modalities={described!r}"
            )
        self.names = list(described)
        self.views = [_checked(name, view) for name, view in described.items()]
        self.condition_size = condition_size
        self.scales = [view["scale"] for view in self.views]
        self.likelihood = MixedTabular(
            [{**view["likelihood"], "width": math.prod(view["shape"])} for view in self.views]
        )
        self.encoders = [
            networks.encoder(
                view["encoder"], view["shape"], view["hidden"], condition_size=condition_size
            )
            for view in self.views
        ]
        self.widths = [math.prod(network.output_shape[1:]) for network in self.encoders]

    def encoder(self) -> keras.Model:
        """Return the network of rows, to all features and which modalities are there."""
        shapes = [view["shape"] for view in self.views]
        return modal.encoder(self.encoders, shapes, self.condition_size)

    def decoder(self, latent_dim: int) -> keras.Model:
        """Return the network of codes, to all likelihoods' parameters, of the encoders' kinds."""
        blocks = [group.likelihood.decoded_shape((1,))[0] for group in self.likelihood.groups]
        made = []
        for view, count in zip(self.views, blocks, strict=True):
            *leading, last = view["shape"]
            made.append(
                networks.decoder(
                    view["encoder"],
                    (latent_dim,),
                    (*leading, last * count),
                    view["hidden"],
                    condition_size=self.condition_size,
                )
            )
        return modal.decoder(made, blocks)


def _checked(name: str, view: Any) -> dict[str, Any]:
    """Return a modality's description with its defaults."""
    if not isinstance(view, Mapping) or "shape" not in view or set(view) - set(KNOWN):
        raise ValueError(
            f"a modality must be a dict with a 'shape', and may have {list(KNOWN[:-1])}. "
            f"Received: {name}={view!r}"
        )
    shape, likelihood = view["shape"], view.get("likelihood", "gaussian")
    if hasattr(shape, "__index__"):
        shape = [shape]
    if not isinstance(likelihood, Mapping):
        likelihood = {"name": likelihood}
    return {
        "shape": checked_sizes("shape", shape),
        "likelihood": dict(likelihood),
        "encoder": view.get("encoder", "mlp"),
        "hidden": view.get("hidden"),
        "scale": view.get("scale", 1.0),
    }
