"""What training on several devices at once needs, where the trainer does not do it itself."""

from __future__ import annotations

import keras

from keras_ae.typing import Tensor


def scale_loss(loss: Tensor) -> Tensor:
    """Return a replica's share of a loss, so that the sum over replicas is the mean's gradient.

    Under `tf.distribute` gradients are summed over replicas, and Keras's trainer expects what
    `compute_loss` returns to be divided by their number. JAX shards one program over its devices,
    and torch's wrapper averages: there the loss stays as it is.
    """
    if keras.backend.backend() != "tensorflow":
        return loss
    import tensorflow as tf

    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    return loss if replicas == 1 else loss / replicas


def sum_over_replicas(value: Tensor) -> Tensor:
    """Return the sum of a tensor over all replicas, on every replica.

    For statistics of a batch of which each replica sees a part: the assignments to a codebook.
    """
    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            context = tf.distribute.get_replica_context()
            if context is None or context.num_replicas_in_sync == 1:
                return value
            return context.all_reduce(tf.distribute.ReduceOp.SUM, value)
        case "torch":
            import torch

            if not _torch_processes():
                return value
            total = value.detach().clone()
            torch.distributed.all_reduce(total)
            return total
        case _:
            return value


def of_first_replica(value: Tensor) -> Tensor:
    """Return the first replica's tensor on every replica, for a random choice that all must share.

    The value must be finite everywhere.
    """
    match keras.backend.backend():
        case "tensorflow":
            import tensorflow as tf

            context = tf.distribute.get_replica_context()
            if context is None or context.num_replicas_in_sync == 1:
                return value
            is_first = tf.equal(context.replica_id_in_sync_group, 0)
            return sum_over_replicas(tf.where(is_first, value, tf.zeros_like(value)))
        case "torch":
            import torch

            if not _torch_processes():
                return value
            chosen = value.detach().clone()
            torch.distributed.broadcast(chosen, src=0)
            return chosen
        case _:
            return value


def _torch_processes() -> bool:
    import torch

    return torch.distributed.is_available() and torch.distributed.is_initialized()
