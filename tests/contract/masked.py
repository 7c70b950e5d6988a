"""The rows of models that see some of the patches, and their objectives in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from tests.contract.cases import Arrays, Case, Objective


def cut(x: np.ndarray, side: int) -> np.ndarray:
    """Patches of images, row by row of the grid."""
    rows, columns = x.shape[1] // side, x.shape[2] // side
    parts = [
        x[:, side * i : side * (i + 1), side * j : side * (j + 1)].reshape(len(x), -1)
        for i in range(rows)
        for j in range(columns)
    ]
    return np.stack(parts, axis=1)


def of_hidden(
    side: int, visible: float, normalize: bool = False, covers: bool = False
) -> Objective:
    """-log p of the hidden patches, He et al. (2022), section 3, and some of that of the others."""

    def objective(x: np.ndarray, outputs: Arrays, model: Any) -> float:
        hidden = outputs["hidden"]
        encoder, decoder = model.encoder.layers[-1], model.decoder.layers[-1]
        assert (hidden.sum(1) == hidden[0].sum()).all()
        given = ops.convert_to_tensor(x)
        if covers:
            h = encoder.covered(given, ops.convert_to_tensor(hidden))
            made = decoder(model.bottleneck(h)["latent"])
        else:
            order = np.argsort(hidden, axis=1, kind="stable")  # those that are seen, then others
            kept = order[:, : int((hidden[0] == 0).sum())]
            z = model.bottleneck(encoder.seeing(given, ops.convert_to_tensor(kept)))["latent"]
            made = decoder.of_seen(z, ops.convert_to_tensor(np.argsort(order, axis=1)))
        made = ops.convert_to_numpy(made)
        np.testing.assert_allclose(outputs["decoded"], made, rtol=1e-4, atol=1e-5)
        error = (cut(x, side) - cut(made, side)).astype("f8")
        if normalize:
            error = error / np.sqrt(cut(x, side).var(-1, ddof=1, keepdims=True) + 1e-6)
        each = (0.5 * error**2 + 0.5 * np.log(2 * np.pi)).sum(-1)
        return float((each * np.where(hidden > 0, 1.0, visible)).sum(1).mean())

    return objective


SMALL: dict[str, Any] = {
    **{"latent_dim": 3, "patch_size": 2, "width": 8, "depth": 1, "heads": 2},
    **{"decoder_width": 8, "decoder_depth": 1},
}
MASKED = [
    Case("masked_autoencoder", of_hidden(2, 0.1), SMALL, event_shape=(6, 8, 1)),
]
