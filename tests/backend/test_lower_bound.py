from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_ae.backend.gradients import gradient_of
from keras_ae.backend.lower_bound import lower_bound

X = np.array([-2.0, 0.3, 0.5, 0.6, 4.0], "float32")


def test_values_are_those_of_the_maximum() -> None:
    got = ops.convert_to_numpy(lower_bound(ops.convert_to_tensor(X), 0.5))
    np.testing.assert_array_equal(got, np.maximum(X, 0.5))


@pytest.mark.parametrize(("slope", "below"), [(3.0, 0.0), (-3.0, -3.0)])
def test_below_the_bound_a_gradient_passes_that_leads_back(slope: float, below: float) -> None:
    def loss(x: Any) -> Any:
        return slope * lower_bound(x, 0.5)

    got = ops.convert_to_numpy(gradient_of(loss, ops.convert_to_tensor(X)))
    np.testing.assert_array_equal(got, [below, below, slope, slope, slope])


def test_a_weight_below_the_bound_comes_back_in_training() -> None:
    class Bounded(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.low = self.add_weight(shape=(), initializer=keras.initializers.Constant(-1.0))

        def call(self, x: Any) -> Any:
            return x * lower_bound(self.low, 0.0)

    model = keras.Sequential([keras.Input((1,)), Bounded()])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    ones = np.ones((8, 1), "float32")
    model.fit(ones, ones, epochs=30, verbose=0)
    np.testing.assert_allclose(model.predict(ones, verbose=0), 1.0, atol=1e-3)
