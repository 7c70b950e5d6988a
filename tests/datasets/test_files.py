from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from keras_ae.datasets import load


def test_the_case_of_a_suffix_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "A.CSV").write_text("a,b\n1,2\n3,4\n")
    assert load(tmp_path / "A.CSV").event_shape == (2,)


def test_a_file_of_another_kind_gets_the_kinds_there_are(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("a\tb\n")
    with pytest.raises(ValueError, match=r"must end in one of \['\.npy'.*Received: .*a\.tsv"):
        load(tmp_path / "a.tsv")


def test_only_a_table_has_a_column_of_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 2)))
    for source in (str(tmp_path / "a.npy"), str(tmp_path)):
        with pytest.raises(ValueError, match=r"`label_column` must be None.*'kind'"):
            load(source, label_column="kind")
