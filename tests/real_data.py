"""The mark of tests that need a real data set."""

from __future__ import annotations

import pytest

from keras_ae.datasets.named import at_hand


def needs(name: str) -> pytest.MarkDecorator:
    """Skip a test, naming the set, where it is not on this machine; nothing is downloaded."""
    return pytest.mark.skipif(
        not at_hand(name), reason=f"needs the real {name}: put it into $KERAS_AE_DATA/{name}/"
    )
