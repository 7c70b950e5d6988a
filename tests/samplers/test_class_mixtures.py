from __future__ import annotations

import numpy as np
import pytest

from keras_ae import samplers
from tests.samplers.models import X, identity


def test_a_class_is_drawn_from_its_own_codes() -> None:
    model = identity()
    labels = (X[:, 0] > 3).astype(int)
    samplers.ClassMixtures(4).fit(model, X, labels=labels)
    for label in (0, 1):
        drawn = model.sample(2_000, label=label, seed=3)
        inside = (drawn[:, 0] > 3) == bool(label)
        assert inside.mean() > 0.9
        np.testing.assert_allclose(drawn.mean(0), X[labels == label].mean(0), atol=0.15)
    mixed = model.sample(4, label=[0, 1, 0, 1], seed=1)
    assert mixed.shape == (4, 3)
    assert model.sample(3, seed=1).shape == (3, 3)


def test_labels_are_asked_for_and_checked() -> None:
    model = identity()
    with pytest.raises(ValueError, match="`labels` must have one label for each"):
        samplers.ClassMixtures().fit(model, X)
    samplers.ClassMixtures().fit(model, X, labels=np.repeat(["a", "b"], 1_500))
    with pytest.raises(ValueError, match=r"`label` must be one of \['a', 'b'\]"):
        model.sample(2, label="c")
    with pytest.raises(ValueError, match="one for each of 2 examples"):
        model.sample(2, label=["a", "b", "a"])
    model.use_sampler(samplers.KernelDensity().fit(model, X))
    with pytest.raises(ValueError, match="`label` needs a sampler of classes"):
        model.sample(2, label="a")


def test_a_class_of_one_row_is_a_point() -> None:
    model = identity()
    labels = np.where(np.arange(len(X)) == 7, "one", "many")
    samplers.ClassMixtures(2).fit(model, X, labels=labels)
    drawn = model.sample(50, label="one", seed=0)
    np.testing.assert_allclose(drawn, np.tile(X[7], (50, 1)), atol=0.02)
