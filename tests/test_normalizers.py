from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from keras_ae import normalizers
from keras_ae.normalizers import Normalizer, get

X = np.random.default_rng(0).normal(3.0, [1e-3, 1.0, 1e4], size=(50, 3))


@pytest.mark.parametrize(
    ("kind", "reference"), [("standard", StandardScaler()), ("minmax", MinMaxScaler())]
)
def test_scaling_in_one_pass_is_that_of_all_rows(kind: str, reference: object) -> None:
    scaler = Normalizer(kind)  # type: ignore[arg-type]
    scaler.build((3,))
    assert scaler.needs_data
    scaler.adapt([X[:7], X[7:8], X[8:]])
    assert not scaler.needs_data
    got = ops.convert_to_numpy(scaler.normalize(ops.convert_to_tensor(X.astype("float32"))))
    np.testing.assert_allclose(got, reference.fit_transform(X), rtol=2e-3, atol=2e-3)  # type: ignore[attr-defined]
    back = ops.convert_to_numpy(scaler.restore(ops.convert_to_tensor(got)))
    np.testing.assert_allclose(back, X, rtol=1e-5)


def test_missing_entries_do_not_count_and_constants_keep_their_scale() -> None:
    holes = np.array([[1.0, 5.0], [np.nan, 5.0], [3.0, 5.0]])
    scaler = Normalizer("standard")
    scaler.build((2,))
    scaler.adapt([holes])
    np.testing.assert_allclose(ops.convert_to_numpy(scaler.offset), [2.0, 5.0])
    np.testing.assert_allclose(ops.convert_to_numpy(scaler.scale), [1.0, 1.0])


def test_none_changes_nothing_and_unknown_kinds_are_refused() -> None:
    assert not get(None).needs_data
    with pytest.raises(ValueError, match="`normalize` must be 'standard', 'minmax' or None"):
        get("robust")


@pytest.mark.parametrize("kind", ["standard", "minmax"])
def test_a_large_array_is_measured_in_chunks(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for entries in (2**21, 7):
        monkeypatch.setattr(normalizers, "CHUNK_ENTRIES", entries)
        scaler = Normalizer(kind)  # type: ignore[arg-type]
        scaler.build((3,))
        scaler.adapt([X])
        found.append([ops.convert_to_numpy(v) for v in (scaler.offset, scaler.scale)])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


@pytest.mark.parametrize("kind", ["standard", "minmax"])
def test_entries_that_are_not_scaled_stay_as_they_are(kind: str) -> None:
    scaler = Normalizer(kind)  # type: ignore[arg-type]
    scaler.build((3,), np.array([True, False, True]))
    scaler.adapt([X])
    got = ops.convert_to_numpy(scaler.normalize(ops.convert_to_tensor(X.astype("float32"))))
    np.testing.assert_array_equal(got[:, 1], X[:, 1].astype("float32"))
    assert abs(got[:, [0, 2]]).max() < 5
