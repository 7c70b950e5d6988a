"""Labels of anomalies, in either convention."""

from __future__ import annotations

from typing import Any

import numpy as np


def anomalies(labels: Any) -> np.ndarray:
    """Return labels as booleans, true for anomalies.

    Args:
        labels: Booleans or 1 for anomalies and 0 for others; or as scikit-learn has them, -1 for
            anomalies and 1 for others.

    Raises:
        ValueError: They are none of these, or all 1, which means one thing and the other.
    """
    labels = np.asarray(labels).ravel()
    found: set[Any] = set() if labels.dtype == bool else set(np.unique(labels).tolist())
    if labels.dtype == bool or found == {0} or found == {0, 1}:
        return labels.astype("bool")
    if -1 in found and found <= {-1, 1}:
        return np.asarray(labels == -1)
    raise ValueError(
        "labels must be booleans, 1 for anomalies and 0 for others, or -1 for anomalies and 1 for "
        f"others. Received: {sorted(map(str, found))[:5]}"
    )
