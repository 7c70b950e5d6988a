from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.conditions import Label


@pytest.mark.parametrize("dtype", ["int32", "uint8", "float32"])
def test_labels_become_one_hot_vectors(dtype: str) -> None:
    labels = np.array([2, 0, 3, 2])
    vectors = ops.convert_to_numpy(Label(4).embed(ops.convert_to_tensor(labels.astype(dtype))))
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, np.eye(4)[labels])


def test_what_is_no_class_has_a_vector_of_nan() -> None:
    vectors = ops.convert_to_numpy(Label(3).embed(ops.convert_to_tensor([1.0, 3.0, -1.0, 0.5])))
    np.testing.assert_array_equal(np.isnan(vectors).all(1), [False, True, True, True])
    np.testing.assert_array_equal(vectors[0], [0, 1, 0])


def test_the_centre_is_even_and_a_probe_has_every_class() -> None:
    label = Label(4)
    np.testing.assert_array_equal(label.centre(), [0.25] * 4)
    probe = label.probe(np.random.default_rng(0), 100)
    assert (probe.dtype, set(probe)) == (np.int32, {0, 1, 2, 3})
    label.check_values(probe)


def test_classes_may_have_names() -> None:
    label = Label(3, names=["cat", "dog", "emu"])
    np.testing.assert_array_equal(label.numbers_of(["emu", "cat"]), [2, 0])
    assert Label.from_config(label.get_config()).names == label.names
    with pytest.raises(ValueError, match=r"must be one of \['cat', 'dog', 'emu'\]. Received: 'ca"):
        label.numbers_of(np.array(["dog", "caw"]))
    np.testing.assert_array_equal(Label(3).numbers_of(np.array([2, 1])), [2, 1])
    np.testing.assert_array_equal(Label(2, names=[4, 9]).numbers_of(np.array([9.0, 4.0])), [1, 0])


@pytest.mark.parametrize("names", [["a"], ["a", "b", "a"], ["a", "b", "c", "d"]])
def test_there_are_as_many_names_as_classes(names: Any) -> None:
    with pytest.raises(ValueError, match="`names` must be 3 different ones"):
        Label(3, names)
