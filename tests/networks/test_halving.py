"""Maps of half and of twice the size."""

from __future__ import annotations

from typing import Any

import pytest

from keras_ae.networks import halving, stages


@pytest.mark.parametrize("spatial", [(7,), (8, 5), (1, 3), (4, 5, 6)])
def test_what_is_made_smaller_is_made_as_large_as_it_was(spatial: Any) -> None:
    half = stages.sizes(spatial, 1)[1]
    assert halving.smaller((*spatial, 3), "down").output_shape == (None, *half, 3)
    back = halving.larger((*half, 2), 3, spatial, "up")
    assert back.output_shape == (None, *spatial, 3)
