from __future__ import annotations

import numpy as np
import pytest

from keras_ae.backend.compiled.blocks import Block, Step, grouped, padded
from keras_ae.batches import ArrayBatches

X = np.arange(12.0).reshape(4, 3)


def test_a_block_has_its_shape_from_the_start_and_its_batches_in_order() -> None:
    block = Block((X,), most=3)
    for batch in (X, X + 1):
        assert block.fits((batch,))
        block.add((batch,))
    assert not block.is_full
    assert block.data[0].shape == (12, 3)
    for step, batch in zip(block.steps, (X, X + 1), strict=True):
        np.testing.assert_array_equal(step.data[0][step.rows], batch)


def test_a_batch_of_another_size_width_or_type_does_not_fit() -> None:
    block = Block((X,), most=3)
    for other in ((X[:2],), (X[:, :2],), (X.astype("int32"),), (X, X), ({"x": X},)):
        assert not block.fits(other)


def test_doubles_become_floats_and_what_is_none_stays_none() -> None:
    block = Block((X, None, X[:, 0].astype("int8")), most=1)
    block.add((X, None, X[:, 0].astype("int8")))
    assert [getattr(a, "dtype", None) for a in block.data] == ["float32", None, "int8"]


def test_steps_of_one_block_are_taken_together_and_fillers_left_out() -> None:
    one, other, rows = (X,), (X + 1,), np.arange(2)
    steps = [Step(one, rows), Step(one, rows + 2), Step(other, rows), None]
    assert [(id(data), found.tolist()) for data, found in grouped(steps, None, None, 1)] == [
        (id(one), [[0, 1], [2, 3]]),
        (id(other), [[0, 1]]),
    ]


def test_resident_steps_have_the_rows_of_their_batches_and_a_shorter_last_apart() -> None:
    data = (np.arange(11.0),)
    batches = ArrayBatches(data[0], batch_size=3, seed=4)
    wanted = [batches.rows_of(i).tolist() for i in range(4)]

    def rows(*steps: int | None) -> list[list[list[int]]]:
        return [found.tolist() for _, found in grouped([*steps], data, batches, 1)]

    assert rows(1, 2) == [wanted[1:3]]
    assert rows(2, 3, None) == [wanted[2:3], wanted[3:]]
    assert rows(3) == [wanted[3:]]
    assert rows() == []


@pytest.mark.parametrize("most", [1, 4])
def test_numbers_of_data_that_are_not_resident_give_blocks_of_one_shape(most: int) -> None:
    x, y = np.arange(22.0).reshape(11, 2)[::-1], np.arange(11)
    batches = ArrayBatches({"x": x}, y, batch_size=3, shuffle=False)
    (whole, rows), (rest, of_rest) = grouped([1, 2, 3], None, batches, most)
    assert (len(whole[0]["x"]), len(whole[1])) == ((6, 6), (12, 12))[most == 4]
    assert rows.tolist() == [[0, 1, 2], [3, 4, 5]]
    np.testing.assert_array_equal(whole[0]["x"][rows], x[3:9].reshape(2, 3, 2))
    np.testing.assert_array_equal(whole[1][rows], y[3:9].reshape(2, 3))
    assert of_rest.tolist() == [[0, 1]]
    np.testing.assert_array_equal(rest[0]["x"], x[9:])
    np.testing.assert_array_equal(rest[1], y[9:])


def test_rows_are_padded_to_the_steps_of_a_block() -> None:
    assert padded(np.array([[3, 4]], "int32"), 2).tolist() == [[3, 4], [0, 0]]
