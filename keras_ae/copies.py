"""Models made again, with the same weights."""

from __future__ import annotations

from typing import Any

from keras import ops


def copied(model: Any, **changes: Any) -> Any:
    """Return a model of its own with the same weights.

    Args:
        model: The model.
        **changes: Entries of its config that are to be others.

    Raises:
        ValueError: A model with these changes has weights of other shapes.
    """
    copy = type(model).from_config({**model.get_config(), **changes})
    ours, theirs = ([tuple(v.shape) for v in m.variables] for m in (copy, model))
    if ours != theirs:
        raise ValueError(
            "a copy must have weights of the model's shapes. Received: changes of "
            f"{sorted(changes)}, by which {len(ours)} variables are of others than {len(theirs)}"
        )
    for mine, of_model in zip(copy.variables, model.variables, strict=True):
        # By NumPy: on JAX two variables must not share one array.
        mine.assign(ops.convert_to_numpy(of_model))
    return copy
