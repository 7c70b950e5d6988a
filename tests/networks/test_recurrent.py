from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from keras_ae.networks import recurrent

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 6, 2)).astype("float32")


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


def lstm(x: np.ndarray, kernel: np.ndarray, memory: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Hochreiter and Schmidhuber (1997) with forget gates; Keras's order: i, f, c, o."""
    states, h, c = [], *np.zeros((2, len(x), len(memory)))
    for step in range(x.shape[1]):
        i, f, g, o = np.split(x[:, step] @ kernel + h @ memory + bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        states.append(h)
    return np.stack(states, axis=1)  # (batch, time, units)


def filled(model: Any) -> list[np.ndarray]:
    model.set_weights([RNG.normal(scale=0.5, size=w.shape) for w in model.get_weights()])
    return model.get_weights()


def test_an_encoder_reads_as_the_lstms_equations_say() -> None:
    encoder = recurrent.encoder((6, 2), hidden=[4, 3])
    weights = filled(encoder)
    wanted = lstm(lstm(X, *weights[:3]), *weights[3:])[:, -1]
    np.testing.assert_allclose(ops.convert_to_numpy(encoder(X)), wanted, rtol=1e-4, atol=1e-5)


def test_a_decoder_writes_as_the_lstms_equations_say() -> None:
    decoder = recurrent.decoder((2,), (6, 5), hidden=[4, 3])
    weights = filled(decoder)
    assert [len(weights[k]) for k in (1, 4, 6)] == [3, 4, 4]  # units in the encoder's order, back
    z = RNG.normal(scale=2, size=(3, 2)).astype("float32")
    states = lstm(np.repeat(z[:, None], 6, axis=1), *weights[:3])
    wanted = lstm(states, *weights[3:6]) @ weights[6] + weights[7]
    np.testing.assert_allclose(ops.convert_to_numpy(decoder(z)), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_masked_steps_change_nothing(cell: str, bidirectional: bool) -> None:
    encoder = recurrent.encoder((6, 2), hidden=[4, 3], cell=cell, bidirectional=bidirectional)
    mask = ops.convert_to_tensor(np.arange(6) < np.array([[6], [4], [2]]))
    other = np.where(ops.convert_to_numpy(mask)[..., None], X, 9.0).astype("float32")
    first, second = (ops.convert_to_numpy(encoder(v, mask=mask)) for v in (X, other))
    np.testing.assert_allclose(first, second, rtol=1e-6)
    assert not np.allclose(ops.convert_to_numpy(encoder(other))[1:], second[1:])


def test_what_is_not_a_sequence_and_unknown_cells_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the shape \(time steps, features\)"):
        recurrent.encoder((6,))
    with pytest.raises(ValueError, match="`cell` must be 'lstm' or 'gru'"):
        recurrent.encoder((6, 2), cell="rnn")
    with pytest.raises(ValueError, match="needs at least one layer"):
        recurrent.encoder((6, 2), hidden=[])
