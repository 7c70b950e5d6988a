"""The masked autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from keras_ae import arrays
from keras_ae.bottlenecks import Deterministic
from keras_ae.latent_model import LatentModel
from keras_ae.networks import patches
from keras_ae.networks.hiding import Hiding
from keras_ae.objectives import HiddenReconstruction
from keras_ae.registry import variant
from keras_ae.typing import Batch, Outputs


@variant(paper="He et al. (2022), https://arxiv.org/abs/2111.06377")
class MaskedAutoencoder(LatentModel):
    """Learns features by telling most patches of an example from the few that it sees.

    Minimises -log p(hidden patches | the others) of series, images, volumes or a table's columns. A
    code is a vector for each patch; codes, reconstructions and scores see all of them.

    Args:
        input_shape: Shape of one example, (..., channels) or (columns,).
        latent_dim: Length of a patch's code.
        patch_size: Sides of a patch; of a table 1.
        share: Of the patches that are hidden in training.
        mask: "random", "block", "span" (along the first axis) or "column" (along the last).
        form: "mae": the encoder sees the others alone; or "simmim": hidden ones are covered.
        visible: Weight of patches that were seen; 0 in the paper, where `score` tells nothing.
        normalize_targets: Whether errors are in units of each patch's standard deviation.
        width: Of the encoder's tokens.
        depth: Number of the encoder's layers.
        heads: Of each attention.
        decoder_width: Of the decoder's tokens.
        decoder_depth: Number of the decoder's layers; 0, of "simmim", for a linear one.
        **trunk: See `LatentModel`.

    Reference:
        Section 3; Xie et al. (2022), https://arxiv.org/abs/2111.09886, section 3, for "simmim".

    Example:
        >>> MaskedAutoencoder((8, 8, 1), latent_dim=4, patch_size=2, width=8, depth=1).latent_shape
        (16, 4)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 64,
        *,
        patch_size: Any = 4,
        share: float = 0.75,
        mask: Literal["random", "block", "span", "column"] = "random",
        form: Literal["mae", "simmim"] = "mae",
        visible: float = 0.1,
        normalize_targets: bool = False,
        width: int = 64,
        depth: int = 4,
        heads: int = 4,
        decoder_width: int = 64,
        decoder_depth: int = 2,
        **trunk: Any,
    ) -> None:
        cut = patches.Patches(arrays.checked_shape(input_shape), patch_size)
        super().__init__(
            input_shape,
            bottleneck=Deterministic(latent_dim, each=True),
            **patches.networks(cut, form, heads, (width, depth), (decoder_width, decoder_depth)),
            objective=[HiddenReconstruction(visible=visible, normalize_targets=normalize_targets)],
            **trunk,
        )
        self.patches, self.form, self.hiding = cut, form, Hiding(mask, share)
        self.hiding.kept(cut.grid)

    def autoencode(self, batch: Batch, training: bool = False, sample: bool = False) -> Outputs:
        """Return a pass over all patches, or with some of them hidden."""
        in_part, whole = patches.in_part, super().autoencode
        return in_part(self, batch, training) if sample else whole(batch, training)
