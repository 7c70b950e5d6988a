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
        pairs = zip(copy.variables, ours, theirs, strict=False)
        other = [f"{v.path} of {new}, not {old}" for v, new, old in pairs if new != old]
        raise ValueError(
            f"a copy must have weights of the model's shapes. Received: {changes}, by which it has "
            + (other[0] if other else f"{len(ours)} weights, not {len(theirs)}")
        )
    for mine, of_model in zip(copy.variables, model.variables, strict=True):
        # By NumPy: on JAX two variables must not share one array.
        mine.assign(ops.convert_to_numpy(of_model))
    return copy
