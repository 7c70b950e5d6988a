from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from keras_ae.datasets import stored
from tests.datasets.sets import IDX, write_idx_set, write_npz_set


def test_the_first_place_with_a_set_is_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    looked = [tmp_path / name for name in ("absent", "empty", "a", "b")]
    write_idx_set(looked[2])
    write_npz_set(looked[3] / "set.npz")
    read, origin = stored.first(looked)
    assert origin == looked[2]
    assert read is not None
    np.testing.assert_array_equal(read()["y_train"], np.arange(5))


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "broken.npz").write_bytes(b"broken")
    read, origin = stored.first([tmp_path])
    assert origin == tmp_path / "broken.npz"
    assert read is not None
    with pytest.raises(ValueError, match=r"^broken\.npz must be a whole NumPy file"):
        read()


@pytest.mark.parametrize("lost", IDX)
def test_a_set_that_lacks_a_file_is_passed_over(tmp_path: Path, lost: str) -> None:
    (write_idx_set(tmp_path / "set") / lost).unlink()
    assert stored.first([tmp_path / "set"]) == (None, None)
