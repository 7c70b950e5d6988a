"""Adam in one pass over the weights, on PyTorch."""

from __future__ import annotations

from typing import Any

import keras


class FusedAdam:
    """A Keras Adam's update by torch's fused kernel, on the optimizer's own state.

    Torch divides by sqrt(v / (1 - beta_2^t)) + epsilon, Keras and the paper's faster form by
    sqrt(v) + epsilon with the correction in the learning rate: torch's epsilon is therefore
    Keras's / sqrt(1 - beta_2^t), another at each step.

    Args:
        optimizer: A built optimizer for which `fits` holds.
        weights: The variables to move.

    Reference:
        Kingma and Ba (2015), https://arxiv.org/abs/1412.6980, section 2, last paragraph.
    """

    def __init__(self, optimizer: Any, weights: list[Any]) -> None:
        import torch

        self.optimizer = optimizer
        index = [optimizer._get_variable_index(weight) for weight in weights]
        self.tensors = [
            [weight.value for weight in weights],
            [optimizer._momentums[i].value for i in index],
            [optimizer._velocities[i].value for i in index],
        ]
        self.count = torch.zeros((), dtype=torch.float32)
        self.counts = [self.count] * len(weights)

    @staticmethod
    def fits(optimizer: Any) -> bool:
        """Return whether an optimizer is Adam and nothing besides."""
        return (
            isinstance(optimizer, keras.optimizers.Adam)
            and type(optimizer).__name__ == "Adam"
            and type(optimizer).__module__.startswith("keras.")
            and not any(
                (
                    optimizer.amsgrad,
                    optimizer.weight_decay,
                    optimizer.clipnorm,
                    optimizer.clipvalue,
                    optimizer.global_clipnorm,
                    optimizer.use_ema,
                    optimizer.gradient_accumulation_steps,
                )
            )
        )

    def __call__(self, gradients: list[Any]) -> None:
        """Move the weights by one step and count it."""
        import torch

        optimizer = self.optimizer
        iterations = optimizer.iterations.value
        step = int(iterations) + 1
        self.count.fill_(step)
        weights, momentums, velocities = self.tensors
        torch._fused_adam_(
            weights,
            gradients,
            momentums,
            velocities,
            [],
            self.counts,
            lr=float(optimizer.learning_rate),
            beta1=optimizer.beta_1,
            beta2=optimizer.beta_2,
            weight_decay=0.0,
            eps=optimizer.epsilon / (1.0 - optimizer.beta_2**step) ** 0.5,
            amsgrad=False,
            maximize=False,
        )
        iterations.add_(1)
