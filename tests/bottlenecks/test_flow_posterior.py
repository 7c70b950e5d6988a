from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_ae.bottlenecks import FlowPosterior

H = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
FLOWS = ["planar", {"name": "inverse_autoregressive", "hidden": [8], "depth": 2}, "sylvester"]


@pytest.mark.parametrize("flow", FLOWS, ids=str)
def test_the_log_density_is_that_of_the_inverse_map(flow: Any) -> None:
    code = FlowPosterior(3, flow, context_dim=2)
    outputs = {k: ops.convert_to_numpy(v) for k, v in code(H, sample=True).items()}
    z0, log_det = code.flow.invert(outputs["latent"], outputs["context"])
    base = stats.norm.logpdf(
        ops.convert_to_numpy(z0), outputs["base_mean"], np.exp(outputs["base_log_var"] / 2)
    ).sum(1)
    wanted = base + ops.convert_to_numpy(log_det)
    np.testing.assert_allclose(outputs["log_posterior"], wanted, atol=2e-4)


def test_the_map_depends_on_the_example_unless_it_has_no_context() -> None:
    for context_dim, depends in ((2, True), (0, False)):
        code = FlowPosterior(2, "planar", context_dim=context_dim)
        outputs = code(H)
        start = np.zeros((5, 2), "float32")
        context = outputs["context"] if context_dim else None
        moved = ops.convert_to_numpy(code.flow.transform(start, context)[0])
        assert (np.ptp(moved, axis=0) > 1e-6).any() == depends
