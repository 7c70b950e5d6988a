from __future__ import annotations

import numpy as np
import pytest

from keras_ae.plots import code_map

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(30, 1), (30, 2), (30, 5), (30, 2, 3)])
def test_codes_of_any_shape_have_a_map(shape: tuple[int, ...]) -> None:
    axes = code_map(RNG.normal(size=shape)).axes[0]
    assert len(axes.collections[0].get_offsets()) == 30


def test_each_kind_of_label_has_its_own_colour() -> None:
    labels = np.repeat([0, 1, 2], 10)
    axes = code_map(RNG.normal(size=(30, 2)), labels).axes[0]
    assert len(axes.collections) == 3
    assert len({tuple(c.get_facecolor()[0]) for c in axes.collections}) == 3
    assert len(code_map(RNG.normal(size=(30, 2)), np.arange(30)).axes[0].collections) == 1
