"""The adversarial autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.backend.phased import Phase, critics, layers
from keras_ae.bottlenecks import Deterministic, SoftClusters
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Adversarial, Reconstruction
from keras_ae.parts import checked_sizes
from keras_ae.priors import Joint
from keras_ae.registry import variant


@variant(paper="Makhzani et al. (2015), https://arxiv.org/abs/1511.05644")
class AdversarialAutoencoder(LatentModel):
    """Pulls the codes' distribution to the prior by a critic instead of a divergence.

    Minimises -log p(x | z) + adversarial * (-log D(z)), z = f(x), against a critic D that tells
    codes from draws of the prior. By default all weights move at once, each player by its own
    gradient; `alternate=True` takes the paper's three steps for each batch (reconstruction,
    critic, encoder), each with an optimizer of its own.

    Two more forms: with `clusters` the code is a style z and shares y = softmax(...) of clusters,
    each with a critic of its own, pulled to one-hot vectors; with labels for `condition` and
    `told=True` the critic sees the label, so that each class has its own prior (`prior=
    "class_normals"`).

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code, or of its style.
        adversarial: Weight of the encoder's share of the game.
        clusters: Number of clusters; None for a code without.
        told: Whether the critic sees the condition.
        critic_hidden: Widths of the critic's hidden layers.
        alternate: Whether the players move in turn instead of at once.
        prior: The distribution that the codes are pulled to; with clusters it is fixed.
        **trunk: See `LatentModel`.

    Reference:
        Makhzani et al. (2015), https://arxiv.org/abs/1511.05644, section 2 with its
        deterministic encoder; section 2.3 for labels, which encoder and decoder see here too, and
        without its class of unlabelled rows; section 6 for clusters.

    Example:
        >>> AdversarialAutoencoder((6,), latent_dim=2, clusters=3).encode([[0.0] * 6]).shape
        (1, 5)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        adversarial: float = 1.0,
        clusters: int | None = None,
        told: bool = False,
        critic_hidden: Sequence[int] = (256, 256),
        alternate: bool = False,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        if clusters is not None and prior != "standard_normal":
            raise ValueError(
                "`prior` is fixed where there are clusters: normal styles and even clusters. "
                f"Received: prior={prior!r} with clusters={clusters}"
            )
        sizes = checked_sizes("critic_hidden", critic_hidden)
        parts = (None,) if clusters is None else ("style", "clusters")
        games = [Adversarial(adversarial, sizes, part, told) for part in parts]
        names = tuple(game.name for game in games)
        phases = (
            Phase(
                "reconstruction",
                layers("encoder", "bottleneck", "decoder", "likelihood"),
                ("reconstruction",),
            ),
            Phase("critic", critics, names),
            Phase("encoder", layers("encoder", "bottleneck"), names),
        )
        code = Deterministic(latent_dim) if clusters is None else SoftClusters(latent_dim, clusters)
        super().__init__(
            input_shape,
            phases=phases if alternate else (),
            bottleneck=code,
            prior=prior if clusters is None else Joint((clusters,)),
            objective=[Reconstruction(), *games],
            **trunk,
        )
