from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.backend.compiled.traced.test_simplify import graph_of, operations

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="is about torch's traces"
)


@pytest.mark.parametrize("large", [0.0, 1e9])
def test_products_are_those_before(large: float, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from keras_ae.backend.compiled.traced import products
    from keras_ae.backend.compiled.traced.simplify import simplified

    monkeypatch.setattr(products, "LARGE", large)
    generator = torch.Generator().manual_seed(0)
    x, w, b = (torch.randn(s, generator=generator) for s in ((6, 5), (5, 4), (4,)))

    def function(x: Any) -> list[Any]:
        y = torch.addmm(b, x, w)
        return [y, torch.mm(x.t(), y), torch.mm(y, w.t())]

    graph = products.with_onednn(simplified(graph_of(function, x)))
    assert ("aten.mm.default" in operations(graph)) == (large > 0)
    assert ("mkldnn._linear_pointwise.default" in operations(graph)) == (large == 0)
    wanted = x.numpy() @ w.numpy() + b.numpy()
    for found, of_it in zip(
        graph(x), [wanted, x.numpy().T @ wanted, wanted @ w.numpy().T], strict=True
    ):
        np.testing.assert_allclose(found, of_it, rtol=1e-5, atol=1e-5)


def test_other_types_and_biases_stay() -> None:
    import torch

    from keras_ae.backend.compiled.traced.products import with_onednn

    x = torch.ones(400, 400, dtype=torch.float64)
    assert operations(with_onednn(graph_of(lambda x: torch.mm(x, x), x))) == ["aten.mm.default"]
    x = torch.ones(400, 400)
    graph = with_onednn(graph_of(lambda x: torch.addmm(x, x, x), x))
    assert operations(graph) == ["aten.addmm.default"]
