"""Codes of whole numbers whose distributions a second, smaller code tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from keras_ae import networks
from keras_ae.bottlenecks.bottleneck import Bottleneck
from keras_ae.bottlenecks.entropy.conditional import GaussianConditional, LogisticConditional
from keras_ae.bottlenecks.entropy.entropy_bottleneck import EntropyBottleneck, start_of_codes
from keras_ae.bottlenecks.posterior import head
from keras_ae.parts import checked_claim, checked_size, checked_sizes
from keras_ae.typing import Outputs, Tensor

DISTRIBUTIONS = {"gaussian": GaussianConditional, "logistic": LogisticConditional}


@keras.saving.register_keras_serializable("keras_ae.bottlenecks")
class Hyperprior(Bottleneck):
    """Rounds y of the features, with scales that the rounded side information w of y tells.

    w = a(|y|), or a(y) with `locations`, is rounded by an `EntropyBottleneck`; b(w) gives of every
    number of y the index of a scale, counted from that of a scale of about 1, and with `locations`
    where it is expected. y is rounded from there. `nats` are those of both codes. a and b are
    strided convolutions and their mirror, or dense layers where features are a vector.

    Args:
        latent_dim: Channels of y.
        hyper_dim: Channels of w.
        hyper_hidden: Widths of a's stages, each of which halves a map; b goes through them
            backwards.
        locations: Whether b tells locations too.
        distribution: "gaussian" or "logistic".
        relaxation: What a decoder is given in training, "noise" or "mixed": see `RelaxedRounding`.
        alpha: Hardness of soft rounding in training.
        kernel_size: Of a's and b's convolutions.
        straight: Whether y starts as the first features, as they are: where these are an
            orthonormal transform.

    Raises:
        ValueError: An argument is none of what is said.

    Reference:
        Balle et al. (2018), https://arxiv.org/abs/1802.01436, section 3 and figure 4; locations:
        Minnen et al. (2018), https://arxiv.org/abs/1809.02736, section 2.

    Example:
        >>> import numpy as np
        >>> outputs = Hyperprior(3, 2, hyper_hidden=[4])(np.ones((2, 4, 4, 5), "float32"))
        >>> outputs["latent"].shape == (2, 4, 4, 3)
        True
    """

    reports = ("nats", "side", "side_nats")

    def __init__(
        self,
        latent_dim: int,
        hyper_dim: int = 64,
        hyper_hidden: Sequence[int] = (64, 64),
        locations: bool = True,
        distribution: Literal["gaussian", "logistic"] = "gaussian",
        relaxation: Literal["noise", "mixed"] = "noise",
        alpha: float = 0.0,
        kernel_size: int = 5,
        straight: bool = False,
    ) -> None:
        super().__init__()
        self.size = checked_size("latent_dim", latent_dim)
        self.hyper_hidden = checked_sizes("hyper_hidden", hyper_hidden)
        self.locations = checked_claim("locations", locations)
        self.kernel_size = checked_size("kernel_size", kernel_size)
        if distribution not in DISTRIBUTIONS:
            raise ValueError(
                f"`distribution` must be one of {tuple(DISTRIBUTIONS)}. "
                f"Received: distribution={distribution!r}"
            )
        self.to_code = head(latent_dim, "to_code", **start_of_codes(straight))
        self.to_side = head(checked_size("hyper_dim", hyper_dim), "to_side")
        self.side = EntropyBottleneck(relaxation=relaxation, alpha=alpha)
        self.conditional = DISTRIBUTIONS[distribution](relaxation=relaxation, alpha=alpha)
        self.start = float(np.rint(self.conditional.index_of(1.0)))

    def build(self, h_shape: Any) -> None:
        """Make the networks, for features `(batch, ..., features)`."""
        self.latent_shape = (*h_shape[1:-1], self.size)
        self.to_code.build(h_shape)
        kind: dict[str, Any] = {"name": "mlp"}
        if len(self.latent_shape) > 1:
            kind = {"name": "conv", "kernel_size": self.kernel_size}
        self.analysis = networks.encoder(kind, self.latent_shape, self.hyper_hidden)
        side_shape = (*self.analysis.output_shape[1:-1], self.to_side.units)
        self.to_side.build(self.analysis.output_shape)
        self.side.build((None, *side_shape))
        told = (*self.latent_shape[:-1], (2 if self.locations else 1) * self.size)
        self.synthesis = networks.decoder(kind, side_shape, told, self.hyper_hidden)
        self.built = True

    def call(self, h: Tensor, training: bool = False, sample: bool = False) -> Outputs:
        """Return the code y `(batch, ..., latent_dim)`, the side information, nats `(batch,)`.

        Args:
            h: Features `(batch, ..., features)`.
            training: Which state of the noise is drawn from.
            sample: Whether noise stands for rounding.
        """
        y = self.to_code(h)
        side = self.side(self.side_of(y), training=training, sample=sample)
        indices, location = self.told(side["latent"])
        code = self.conditional(y, indices, location, training=training, sample=sample)
        return {
            "latent": code["latent"],
            "nats": code["nats"] + side["nats"],
            "side": side["latent"],
            "side_nats": side["nats"],
        }

    def unrounded(self, h: Tensor) -> Outputs:
        """Return what is rounded of features, by name: `side`, less its medians, and `code`."""
        y = self.to_code(h)
        side = self.side_of(y) - ops.convert_to_tensor(self.side.medians)
        return {"side": side, "code": y}

    def side_of(self, y: Tensor) -> Tensor:
        """Return what becomes of y before it is rounded to side information."""
        return self.to_side(self.analysis(y if self.locations else ops.abs(y)))

    def told(self, side: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the indices of scales that side information tells, and locations if it does."""
        told = ops.cast(self.synthesis(side), "float32")
        indices = told[..., : self.size] + self.start
        return indices, told[..., self.size :] if self.locations else None


def of_kind(
    kind: str,
    latent_dim: int,
    hyper_dim: int,
    hyper_hidden: Sequence[int],
    distribution: Any,
    relaxation: Any,
    straight: bool = False,
) -> Bottleneck:
    """Return the bottleneck whose numbers have distributions of a kind.

    Args:
        kind: "factorized", an `EntropyBottleneck`; "scale" or "mean_scale", a `Hyperprior` without
            and with locations.
        latent_dim: Channels of the code.
        hyper_dim: See `Hyperprior`.
        hyper_hidden: See `Hyperprior`.
        distribution: See `Hyperprior`.
        relaxation: What a decoder is given in training, "noise" or "mixed".
        straight: See `Hyperprior`.

    Raises:
        ValueError: There is no such kind.
    """
    if kind == "factorized":
        return EntropyBottleneck(latent_dim, relaxation=relaxation, straight=straight)
    if kind not in ("scale", "mean_scale"):
        raise ValueError(
            "`entropy_model` must be 'factorized', 'scale' or 'mean_scale'. "
            f"Received: entropy_model={kind!r}"
        )
    located = kind == "mean_scale"
    return Hyperprior(
        latent_dim,
        hyper_dim,
        hyper_hidden,
        located,
        distribution,
        relaxation,
        straight=straight,
    )
