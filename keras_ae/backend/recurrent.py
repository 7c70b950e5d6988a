"""Recurrent layers that run in a kernel where Keras's would loop over the steps."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import keras

from keras_ae.typing import Tensor


@contextlib.contextmanager
def written_out() -> Iterator[None]:
    """Let recurrent layers be of elementary operations, on TensorFlow one step after another.

    The kernels have gradients only, and TensorFlow's loops none in forward mode, which
    `keras.ops.jvp` needs; most formats that a model is exported to know neither.
    """
    token = _written_out.set(True)
    try:
        yield
    finally:
        _written_out.reset(token)


def is_written_out() -> bool:
    """Return whether networks of sequences are to be of elementary operations."""
    return _written_out.get()


class _Recurrent(keras.layers.Layer):
    looped = False  # whether the last sequences took Keras's loop

    def inner_loop(
        self: Any, sequences: Tensor, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return (last output, outputs, states) of `(batch, time, features)`."""
        is_plain = mask is None and not is_written_out()
        if is_plain and has_kernel(self) and _is_plain_cpu(sequences):
            return _kernel(self, sequences, initial_state)
        self.__dict__["looped"] = True
        before = self.unroll
        if is_written_out() and keras.backend.backend() == "tensorflow":
            self.unroll = True
        try:
            found: tuple[Tensor, Tensor, list[Tensor]] = super().inner_loop(
                sequences, initial_state, mask=mask, training=training
            )
        finally:
            self.unroll = before
        return found


@keras.saving.register_keras_serializable("keras_ae.backend")
class LSTM(_Recurrent, keras.layers.LSTM):
    """Keras's LSTM; on TensorFlow's and torch's CPU by their own kernels, on JAX's by ours.

    Sequences with a mask, and what the kernels do not know (dropout, other activations), take
    Keras's way. XLA does not know TensorFlow's kernel: a model with such a layer is not compiled
    by it, as Keras has it where there is cuDNN.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if keras.backend.backend() == "tensorflow" and has_kernel(self):
            self.supports_jit = False


@keras.saving.register_keras_serializable("keras_ae.backend")
class GRU(_Recurrent, keras.layers.GRU):
    """Keras's GRU, which can be `written_out`."""


def has_kernel(layer: Any) -> bool:
    """Return whether a layer computes its sequences without a mask by a kernel."""
    return (
        isinstance(layer, LSTM)
        and layer.activation is keras.activations.tanh
        and layer.recurrent_activation is keras.activations.sigmoid
        and not (layer.dropout or layer.recurrent_dropout or layer.unroll or layer.stateful)
    )


def _is_plain_cpu(sequences: Any) -> bool:
    if keras.backend.standardize_dtype(sequences.dtype) != "float32":
        return False
    if keras.backend.backend() == "torch":
        return bool(sequences.device.type == "cpu")
    if keras.backend.backend() == "jax":
        import jax

        return bool(jax.default_backend() == "cpu")
    import tensorflow as tf

    return not any(tf.config.list_logical_devices(kind) for kind in ("GPU", "TPU"))


def _kernel(layer: LSTM, sequences: Any, initial_state: Any) -> tuple[Tensor, Tensor, list[Tensor]]:
    cell = layer.cell
    kernel = keras.ops.convert_to_tensor(cell.kernel)
    recurrent = keras.ops.convert_to_tensor(cell.recurrent_kernel)
    bias = keras.ops.zeros(kernel.shape[1]) if cell.bias is None else cell.bias
    weights = [kernel, recurrent, keras.ops.convert_to_tensor(bias)]
    if layer.go_backwards:
        sequences = keras.ops.flip(sequences, 1)
    kernels = {"jax": _jax_lstm, "tensorflow": _tensorflow_lstm, "torch": _torch_lstm}
    outputs, hidden, carry = kernels[keras.backend.backend()](sequences, initial_state, weights)
    return hidden, outputs if layer.return_sequences else hidden[:, None], [hidden, carry]


def _jax_lstm(sequences: Any, initial_state: Any, weights: list[Any]) -> tuple[Any, Any, Any]:
    from keras_ae.backend.lstm_on_jax import lstm

    kernel, recurrent, bias = weights
    inputs = keras.ops.swapaxes(sequences, 0, 1)
    outputs, carry = lstm(inputs, kernel, bias, recurrent, *initial_state)
    return keras.ops.swapaxes(outputs, 0, 1), outputs[-1], carry


def _torch_lstm(sequences: Any, initial_state: Any, weights: list[Any]) -> tuple[Any, Any, Any]:
    import torch

    kernel, recurrent, bias = weights
    # The gates are in one order in both: input, forget, cell, output.
    outputs, hidden, carry = torch._VF.lstm(
        sequences.contiguous(),
        tuple(state[None].contiguous() for state in initial_state),
        [kernel.t().contiguous(), recurrent.t().contiguous(), bias, torch.zeros_like(bias)],
        True,  # biases
        1,  # layers
        0.0,  # dropout
        torch.is_grad_enabled(),
        False,  # both ways
        True,  # batch first
    )
    return outputs, hidden[0], carry[0]


def _tensorflow_lstm(
    sequences: Any, initial_state: Any, weights: list[Any]
) -> tuple[Any, Any, Any]:
    import tensorflow as tf

    kernel, recurrent, bias = weights
    hidden, carry = initial_state
    # The kernel's gates: input, cell, forget, output; Keras's: input, forget, cell, output.
    gates = [tf.split(w, 4, axis=-1) for w in (tf.concat([kernel, recurrent], 0), bias)]
    w, b = (tf.concat([i, c, f, o], -1) for i, f, c, o in gates)
    x = tf.transpose(sequences, [1, 0, 2])
    none = tf.zeros_like(gates[1][0])
    found = tf.raw_ops.BlockLSTM(
        seq_len_max=tf.shape(x, out_type="int64")[0],
        x=x,
        cs_prev=carry,
        h_prev=hidden,
        w=w,
        wci=none,
        wcf=none,
        wco=none,
        b=b,
        forget_bias=0.0,
        cell_clip=-1.0,  # not clipped
        use_peephole=False,
    )
    return tf.transpose(found.h, [1, 0, 2]), found.h[-1], found.cs[-1]


_written_out: ContextVar[bool] = ContextVar("written_out", default=False)
