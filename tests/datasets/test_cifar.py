from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from keras_ae.datasets import cifar, load


def write_batches(folder: Path) -> None:
    folder.mkdir(parents=True)
    record = np.empty(3073, "uint8")
    for i, name in enumerate(cifar.FILES):
        record[0] = i
        record[1:] = np.repeat([10 * i, 1, 255], 1024)
        record[2] = 7
        (folder / name).write_bytes(record.tobytes() * 2)


def test_binary_batches_are_read_with_their_channels_last(empty_machine: Path) -> None:
    write_batches(empty_machine / "keras" / "datasets" / "cifar-10-batches-bin")
    data = load("cifar10")
    assert (data.x_train.shape, data.x_test.shape) == ((10, 32, 32, 3), (2, 32, 32, 3))
    np.testing.assert_array_equal(data.y_train, np.repeat(np.arange(5), 2))
    np.testing.assert_allclose(data.x_test[0, 5, 5] * 255, [50, 1, 255], rtol=1e-6)
    # The second byte of the first plane is the second column of the first row.
    np.testing.assert_allclose(data.x_test[0, 0, 1] * 255, [7, 1, 255], rtol=1e-6)


@pytest.mark.parametrize("content", [b"", b"\0" * 3072])
def test_a_truncated_batch_is_named(empty_machine: Path, content: bytes) -> None:
    folder = empty_machine / "data" / "cifar10"
    write_batches(folder)
    (folder / "data_batch_3.bin").write_bytes(content)
    with pytest.raises(ValueError, match=r"^data_batch_3\.bin must be a whole binary batch"):
        load("cifar10")


def test_pickled_batches_are_not_read(empty_machine: Path) -> None:
    folder = empty_machine / "keras" / "datasets" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name in ("data_batch_1", "test_batch"):
        (folder / name).write_bytes(b"\x80\x04.")
    with pytest.raises(FileNotFoundError, match=r"cifar-10-batches-py is pickled and never read"):
        load("cifar10")
