"""Recurrent layers that run in a framework's own kernel where Keras's would loop in Python."""

from __future__ import annotations

from typing import Any

import keras

from keras_ae.typing import Tensor


@keras.saving.register_keras_serializable("keras_ae.backend")
class LSTM(keras.layers.LSTM):
    """Keras's LSTM; on torch's CPU, where Keras loops over the steps, by torch's own kernel.

    Sequences with a mask, and what the kernel does not know (dropout, other activations), take
    Keras's way.
    """

    def inner_loop(
        self, sequences: Tensor, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return (last output, outputs, states) of `(batch, time, features)`."""
        if mask is None and has_kernel(self) and _is_plain_cpu(sequences):
            return _torch_lstm(self, sequences, initial_state)
        found: tuple[Tensor, Tensor, list[Tensor]] = super().inner_loop(
            sequences, initial_state, mask=mask, training=training
        )
        return found


def has_kernel(layer: Any) -> bool:
    """Return whether a layer computes its sequences without a mask by torch's kernel."""
    return (
        isinstance(layer, LSTM)
        and keras.backend.backend() == "torch"
        and layer.activation is keras.activations.tanh
        and layer.recurrent_activation is keras.activations.sigmoid
        and not (layer.dropout or layer.recurrent_dropout or layer.unroll or layer.stateful)
    )


def _is_plain_cpu(sequences: Any) -> bool:
    import torch

    return sequences.device.type == "cpu" and sequences.dtype == torch.float32


def _torch_lstm(
    layer: LSTM, sequences: Any, initial_state: Any
) -> tuple[Tensor, Tensor, list[Tensor]]:
    import torch

    cell = layer.cell
    kernel = keras.ops.convert_to_tensor(cell.kernel)
    recurrent = keras.ops.convert_to_tensor(cell.recurrent_kernel)
    zeros = kernel.new_zeros(kernel.shape[1])
    bias = zeros if cell.bias is None else keras.ops.convert_to_tensor(cell.bias)
    # The gates are in one order in both: input, forget, cell, output.
    weights = [kernel.t().contiguous(), recurrent.t().contiguous(), bias, zeros]
    if layer.go_backwards:
        sequences = torch.flip(sequences, [1])
    outputs, hidden, carry = torch._VF.lstm(
        sequences.contiguous(),
        tuple(state[None].contiguous() for state in initial_state),
        weights,
        True,  # biases
        1,  # layers
        0.0,  # dropout
        torch.is_grad_enabled(),
        False,  # both ways
        True,  # batch first
    )
    last = hidden[0]
    return last, outputs if layer.return_sequences else last[:, None], [last, carry[0]]
