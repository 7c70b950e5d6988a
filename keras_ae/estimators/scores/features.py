"""What scores are computed of: codes, reconstructions, residuals and nats of a batch of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_ae.typing import Tensor


def features_of(model: Any, x: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """Return features of a batch of scaled rows, float32.

    Args:
        model: A model of rows `(batch, width)`.
        x: The rows, NaN where an entry is missing.
        names: Of "code", `(batch, numbers)`; "row", x with its gaps filled in by the
            reconstruction, and "residual", x less that, 0 where an entry is missing,
            `(batch, width)`; "likelihood", the terms of -log p(x | z) at the code's mean, and
            "bound", with the divergence from the prior too, nats `(batch,)`.
    """
    found: dict[str, Tensor] = {}
    outputs = model(x, training=False)
    reconstruction = ops.cast(outputs["reconstruction"], "float32")
    if "code" in names:
        code = ops.cast(outputs["latent"], "float32")
        found["code"] = ops.reshape(code, (-1, int(np.prod(model.latent_shape))))
    row = ops.where(ops.isnan(x), reconstruction, x)
    if "row" in names:
        found["row"] = row
    if "residual" in names:
        found["residual"] = row - reconstruction
    if "likelihood" in names or "bound" in names:
        batch = model.completed(model.batch(x))
        terms = {t.name: t.score(model, batch, outputs) for t in model.objective if t.scores}
        if "likelihood" in names:
            found["likelihood"] = terms["reconstruction"]
        if "bound" in names:
            found["bound"] = sum(terms.values(), ops.zeros_like(terms["reconstruction"]))
    return found


def reader(names: Sequence[str]) -> Callable[[Any, Tensor], dict[str, Tensor]]:
    """Return the function (model, rows) of these features."""
    return lambda model, x: features_of(model, x, names)
