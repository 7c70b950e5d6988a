"""An LSTM with a gradient of its own, on JAX.

What JAX derives of Keras's loop adds to the weights' gradients in each step, and keeps more of each
step than the way back needs. Here each step keeps the factors of its gates' gradients, and the
weights' gradients are one product over all steps.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax


@jax.custom_vjp
def lstm(
    inputs: Array, kernel: Array, bias: Array, recurrent: Array, hidden: Array, carry: Array
) -> tuple[Array, Array]:
    """Return the hidden states `(time, batch, units)` and the last carry `(batch, units)`.

    Args:
        inputs: `(time, batch, features)`.
        kernel: `(features, 4 units)`; the gates are in Keras's order: input, forget, cell, output.
        bias: `(4 units,)`.
        recurrent: The recurrent kernel, `(units, 4 units)`.
        hidden: The hidden state before, `(batch, units)`.
        carry: The carry before, `(batch, units)`.

    Reference:
        Gers et al. (2000), https://doi.org/10.1162/089976600300015015, equations 2.1-2.5.
    """
    return _forward(inputs, kernel, bias, recurrent, hidden, carry)[0]


def _forward(
    inputs: Array, kernel: Array, bias: Array, recurrent: Array, hidden: Array, carry: Array
) -> Any:
    """Return what `lstm` does, and what its gradient needs."""
    # sigmoid(x) = tanh(x / 2) / 2 + 1 / 2: one function for all gates.
    units = hidden.shape[-1]
    halves = np.repeat(np.asarray([0.5, 0.5, 1.0, 0.5], inputs.dtype), units)
    of_inputs, of_hidden, start = (weight * halves for weight in (kernel, recurrent, bias))
    of_both = jnp.concatenate([of_inputs, of_hidden])
    # What few inputs add to the gates of all steps would be an array larger than theirs.
    are_few = inputs.shape[-1] <= units

    def step(state: Any, given: Array) -> Any:
        hidden, before = state
        if are_few:
            gates = jnp.concatenate([given, hidden], axis=-1) @ of_both + start
        else:
            gates = given + hidden @ of_hidden
        i, f, g, o = jnp.split(jnp.tanh(gates), 4, axis=-1)
        i, f, o = (0.5 * gate + 0.5 for gate in (i, f, o))
        carry = f * before + i * g
        squashed = jnp.tanh(carry)
        hidden = o * squashed
        factors = (
            *(g * i * (1.0 - i), before * f * (1.0 - f), i * (1.0 - g * g)),
            *(squashed * o * (1.0 - o), o * (1.0 - squashed * squashed), f),
        )
        return (hidden, carry), (hidden, factors)

    sequence = inputs if are_few else inputs @ of_inputs + start
    (_, last), (outputs, factors) = lax.scan(step, (hidden, carry), sequence)
    return (outputs, last), (inputs, kernel, recurrent, hidden, outputs, factors)


def _backward(kept: Any, given: tuple[Array, Array]) -> tuple[Array, ...]:
    inputs, kernel, recurrent, hidden, outputs, factors = kept
    turned = recurrent.T

    def step(state: Any, of_step: Any) -> Any:
        of_hidden, of_carry = state
        of_output, (i, f, g, o, to_carry, forgotten) = of_step
        of_hidden = of_hidden + of_output
        of_carry = of_carry + of_hidden * to_carry
        sums = jnp.concatenate([i * of_carry, f * of_carry, g * of_carry, o * of_hidden], axis=-1)
        return (sums @ turned, of_carry * forgotten), sums

    of_outputs, of_last = given
    start = (jnp.zeros_like(of_last), of_last)
    (of_hidden, of_carry), sums = lax.scan(step, start, (of_outputs, factors), reverse=True)
    before = jnp.concatenate([hidden[None], outputs[:-1]])
    flat = sums.reshape(-1, sums.shape[-1])
    of_kernel, of_recurrent = (a.reshape(-1, a.shape[-1]).T @ flat for a in (inputs, before))
    return sums @ kernel.T, of_kernel, flat.sum(axis=0), of_recurrent, of_hidden, of_carry


lstm.defvjp(_forward, _backward)
