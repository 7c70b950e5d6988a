"""PyTorch: one `SIGNATURE.pt2` each, for `torch.export.load` without Keras."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_ae.exporting.parity import Runner
from keras_ae.exporting.signatures import Signature

BACKEND = "torch"
PACKAGES = ("torch",)
EXTRA = "torch"
SUB_FOLDER = "torch"

MOST_ROWS = 2**20
"""Rows of a batch, at most."""


def write(model: Any, signatures: Sequence[Signature], folder: Path) -> None:
    """Write each signature as an exported program with from 1 to `MOST_ROWS` rows."""
    import torch

    folder.mkdir()
    rows = torch.export.Dim("batch", min=1, max=MOST_ROWS)
    for signature in signatures:
        examples = tuple(
            torch.zeros((2, *t.shape), dtype=getattr(torch, t.dtype)) for t in signature.inputs
        )
        with torch.no_grad():
            program = torch.export.export(
                _module(model, signature),
                (),
                dict(zip((t.name for t in signature.inputs), examples, strict=True)),
                dynamic_shapes={t.name: {0: rows} for t in signature.inputs},
                strict=False,
            )
        torch.export.save(program, str(folder / f"{signature.name}.pt2"))


def load(folder: Path, signatures: Sequence[Signature]) -> Runner:
    """Return what runs the signatures, by PyTorch alone."""
    import torch

    programs = {
        s.name: torch.export.load(str(folder / f"{s.name}.pt2")).module() for s in signatures
    }
    outputs = {s.name: s.output.name for s in signatures}

    def run(name: str, inputs: dict[str, np.ndarray]) -> np.ndarray:
        tensors = {key: torch.from_numpy(np.ascontiguousarray(a)) for key, a in inputs.items()}
        with torch.no_grad():
            result: np.ndarray = programs[name](**tensors)[outputs[name]].numpy()
        return result

    return run


def _module(model: Any, signature: Signature) -> Any:
    """Return one function of a model as a module, its parameters the model's."""
    import torch

    names = [t.name for t in signature.inputs]

    class Function(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *values: Any, **named: Any) -> dict[str, Any]:
            given = {**dict(zip(names, values, strict=False)), **named}
            result = signature.apply(self.model, given)
            return {signature.output.name: result.to(getattr(torch, signature.output.dtype))}

    # The program's inputs are named as the method's parameters say.
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind) for name in ("self", *names)]
    Function.forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return Function().eval()
