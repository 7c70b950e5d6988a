"""Networks of small dense graphs, given by their adjacency matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_ae.parts import checked_sizes
from keras_ae.typing import Shape, Tensor


@keras.saving.register_keras_serializable("keras_ae.networks")
class Propagation(keras.layers.Layer):
    """The symmetrically normalised adjacency with self-loops: D^-1/2 (A + I) D^-1/2.

    D holds the degrees, self-loops included. A node without an edge, or that is padding, keeps to
    itself.

    Reference:
        Kipf and Welling (2017), https://arxiv.org/abs/1609.02907, equation 2.
    """

    def call(self, adjacency: Tensor) -> Tensor:
        """Return the propagation matrices of adjacencies, `(batch, nodes, nodes)` each."""
        # Not `ops.eye`, which OpenVINO does not know.
        loops = ops.convert_to_tensor(np.eye(adjacency.shape[-1]), dtype=adjacency.dtype)
        looped = adjacency + loops
        degrees = ops.sum(looped, axis=-1)
        scale = 1.0 / ops.sqrt(ops.maximum(degrees, 1e-6))
        return looped * scale[:, :, None] * scale[:, None, :]


def networks(
    input_shape: Any, latent_dim: int, hidden: Sequence[int] | None, told: Shape | None
) -> dict[str, keras.Model]:
    """Return `encoder` and `decoder` of adjacencies of this shape; the arguments are theirs."""
    nodes = nodes_of(input_shape)
    return {
        "encoder": encoder(nodes, hidden, told),
        "decoder": decoder(nodes, latent_dim, told),
    }


def encoder(
    nodes: int, hidden: Sequence[int] | None = None, told: Shape | None = None
) -> keras.Model:
    """Return what graph convolutions make of each node, propagated once more: `(nodes, width)`.

    h_0 = X, h_(l+1) = ReLU(P h_l W_l), and P h_L, of which a linear map is the last layer. Without
    features X is the identity.

    Args:
        nodes: Number of nodes.
        hidden: Widths of the convolutions, at least one.
        told: Shape of the condition whose vector is appended to each row of the adjacency: X, if it
            is (nodes, features); else it is told to every node beside the identity.

    Reference:
        Kipf and Welling (2016), https://arxiv.org/abs/1611.07308, section 2.
    """
    widths = checked_sizes("hidden", [32] if hidden is None else hidden)
    if not widths:
        raise ValueError("a graph network needs at least one layer. Received: hidden=[]")
    size = 0 if told is None else math.prod(told)
    inputs = keras.Input((nodes, nodes + size), name="x")
    propagation = Propagation(name="propagation")(inputs[:, :, :nodes])
    h = propagation
    if told is not None and told[:1] == (nodes,) and len(told) == 2:
        features = ops.reshape(inputs[:, 0, nodes:], (-1, *told))
        h = ops.matmul(propagation, features)
    elif size:
        h = ops.concatenate([propagation, ops.matmul(propagation, inputs[:, :, nodes:])], axis=-1)
    for i, width in enumerate(widths):
        h = h if i == 0 else ops.matmul(propagation, h)
        h = keras.layers.Dense(width, activation="relu", name=f"convolution_{i}")(h)
    return keras.Model(inputs, ops.matmul(propagation, h), name="encoder")


def decoder(nodes: int, latent_dim: int, told: Shape | None = None) -> keras.Model:
    """Return the inner products of the nodes' codes, the logits of edges, `(nodes, nodes)`.

    Args:
        nodes: Number of nodes.
        latent_dim: Length of a node's code.
        told: As for `encoder`; it is not looked at.

    Reference:
        Kipf and Welling (2016), https://arxiv.org/abs/1611.07308, section 2.
    """
    size = 0 if told is None else math.prod(told)
    inputs = keras.Input((nodes, latent_dim + size), name="latent")
    z = inputs[:, :, :latent_dim]
    return keras.Model(inputs, ops.matmul(z, ops.transpose(z, (0, 2, 1))), name="decoder")


def nodes_of(input_shape: Any) -> int:
    """Return the number of nodes.

    Raises:
        ValueError: The shape is not that of an adjacency matrix.
    """
    shape = checked_sizes("input_shape", input_shape)
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(
            f"a graph must be given by its adjacency, (nodes, nodes). Received: input_shape={shape}"
        )
    return shape[0]
