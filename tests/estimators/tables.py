"""Tables whose columns follow from two numbers of a row."""

from __future__ import annotations

import numpy as np
import pandas as pd


def people(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Return numbers, whole numbers, a category and booleans that depend on each other."""
    z = np.random.default_rng(seed).normal(size=(rows, 2))
    return pd.DataFrame(
        {
            "age": np.rint(40 + 10 * z[:, 0]).astype("int64"),
            "pay": 3.0 + z[:, 0] + 0.3 * z[:, 1],
            "job": np.where(z[:, 0] > 0.3, "boss", np.where(z[:, 1] > 0, "cook", "nurse")),
            "here": z[:, 1] > 0.5,
        }
    )
