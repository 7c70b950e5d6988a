"""The soft introspective VAE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_ae.backend.phased import Phase, layers
from keras_ae.bottlenecks import Gaussian
from keras_ae.latent_model import LatentModel
from keras_ae.objectives import Introspection, KLDivergence, Reconstruction
from keras_ae.registry import variant


@variant(paper="Daniel and Tamar (2021), https://arxiv.org/abs/2012.13253")
class SoftIntroVAE(LatentModel):
    """Lets the encoder tell data from decoded examples by its own ELBO, without a critic.

    Both minimise -ELBO(x); the encoder also (1 / alpha) exp(alpha ELBO(x_p)) and the decoder
    -gamma ELBO(x_p), of examples x_p decoded from the prior; see `Introspection` for units. By
    default all weights move at once, each network by its own gradient; `alternate=True` takes the
    paper's two steps for each batch, encoder and decoder, each with an optimizer of its own.

    Args:
        input_shape: Shape of one example, without the batch axis.
        latent_dim: Length of the code.
        beta: beta_kl, of the rate of data, and of decoded examples in the decoder's share.
        gamma: Of the decoder's share of the game.
        alpha: How sharply unlikely examples stop to matter to the encoder.
        negative_rate: beta_neg, of the rate of decoded examples in the encoder's share. Near 1 the
            decoder's examples are driven from the data.
        decoder_reconstruction: gamma_r, of their reconstruction in the decoder's share.
        alternate: Whether the players move in turn instead of at once.
        prior: p(z), one from which the rate is known in closed form.
        **trunk: See `LatentModel`.

    Reference:
        Daniel and Tamar (2021), https://arxiv.org/abs/2012.13253, equation 4 and section 5; what is
        otherwise is named at `Introspection`.

    Example:
        >>> [term.name for term in SoftIntroVAE((6,), latent_dim=2).objective]
        ['reconstruction', 'kl', 'introspection']
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        latent_dim: int = 16,
        *,
        beta: float = 1.0,
        gamma: float = 1.0,
        alpha: float = 2.0,
        negative_rate: float = 256.0,
        decoder_reconstruction: float = 1e-8,
        alternate: bool = False,
        prior: Any = "standard_normal",
        **trunk: Any,
    ) -> None:
        game = Introspection(gamma, alpha, negative_rate, decoder_reconstruction, beta)
        terms = [Reconstruction(), KLDivergence(beta), game]
        names = tuple(term.name for term in terms)
        phases = (
            Phase("encoder", layers("encoder", "bottleneck"), names),
            Phase("decoder", layers("decoder", "likelihood"), names),
        )
        super().__init__(
            input_shape,
            phases=phases if alternate else (),
            bottleneck=Gaussian(latent_dim),
            prior=prior,
            objective=terms,
            **trunk,
        )
