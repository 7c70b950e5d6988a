from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from keras_ae.bottlenecks import TopK
from keras_ae.networks.dictionary import geometric_median
from tests.bottlenecks.sparse.made import WIDTH, X, latent, made, pre_activations


@pytest.mark.parametrize("centred", [True, False])
def test_pre_activations_are_of_data_without_the_decoders_bias(centred: bool) -> None:
    code = made(TopK(8, 2, centred=centred))
    got = ops.convert_to_numpy(code(ops.convert_to_tensor(X))["pre_activations"])
    np.testing.assert_allclose(got, pre_activations(code), rtol=1e-4, atol=1e-5)


def test_the_encoder_starts_as_the_transposed_dictionary() -> None:
    code = TopK(8, 2)
    code.build((None, WIDTH))
    atoms = code.atoms()
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(code.kernel), atoms.T, rtol=1e-6)
    assert not ops.convert_to_numpy(code.bias).any()
    assert len(np.unique(atoms.round(4))) > 30


def test_the_bias_starts_at_the_median_of_data_and_the_centre_at_their_mean() -> None:
    code, other = TopK(8, 2), TopK(8, 2, centred=False)
    rows = np.exp(X)
    for one in (code, other):
        one.build((None, WIDTH))
        one.adapt(ops.convert_to_tensor(rows))
        np.testing.assert_allclose(ops.convert_to_numpy(one.centre), rows.mean(0), rtol=1e-5)
    median = geometric_median(rows.astype("f8"))
    np.testing.assert_allclose(ops.convert_to_numpy(code.dictionary.bias), median, rtol=1e-5)
    assert not ops.convert_to_numpy(other.dictionary.bias).any()  # of what it decodes to


def test_events_of_any_shape_are_taken_flat() -> None:
    code = TopK(8, 2)
    code.build((None, 2, 3, 1))
    assert latent(code, np.ones((4, 2, 3, 1), "f4")).shape == (4, 8)


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="`latent_dim`"):
        TopK(0, 1)
    with pytest.raises((TypeError, ValueError), match="`unit_norm`"):
        TopK(4, 1, unit_norm="yes")  # type: ignore[arg-type]
