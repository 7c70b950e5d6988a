"""Levels of codes that are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops
from scipy.special import softmax

from keras_ae.bottlenecks import HierarchicalResidualQuantizer

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(5, 4, 3)).astype("f4")


def books(quantizer: HierarchicalResidualQuantizer) -> list[np.ndarray]:
    return [ops.convert_to_numpy(book) for book in quantizer.codebooks]


def test_without_a_draw_each_level_takes_the_nearest_code_to_the_rest() -> None:
    quantizer = HierarchicalResidualQuantizer(6, 3, levels=3)
    outputs = quantizer(Z)
    total = np.zeros_like(Z)
    for level, book in enumerate(books(quantizer)):
        apart = (((Z - total)[..., None, :] - book) ** 2).sum(-1)
        np.testing.assert_array_equal(
            ops.convert_to_numpy(outputs["indices"])[..., level], apart.argmin(-1)
        )
        total = total + book[apart.argmin(-1)]
        errors = ops.convert_to_numpy(outputs["errors"])[:, level]
        np.testing.assert_allclose(errors, ((Z - total) ** 2).sum((1, 2)), rtol=1e-4)
    np.testing.assert_allclose(ops.convert_to_numpy(outputs["latent"]), total, atol=1e-6)


def test_draws_have_the_codes_probabilities() -> None:
    quantizer = HierarchicalResidualQuantizer(4, 3, levels=1)
    quantizer.build((None, 1, 3))
    z = np.repeat(Z[:1, :1], 20_000, axis=0)
    drawn = ops.convert_to_numpy(quantizer(z, sample=True)["indices"]).ravel()
    wanted = softmax(-((Z[0, 0] - books(quantizer)[0]) ** 2).sum(-1))
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / len(drawn), wanted, atol=0.015)


def test_codebooks_start_smaller_level_by_level() -> None:
    quantizer = HierarchicalResidualQuantizer(4_000, 8, levels=3, decay=0.5)
    quantizer.build((None, 1, 8))
    sizes = [book.std() * 8**0.5 for book in books(quantizer)]
    np.testing.assert_allclose(sizes, [1.0, 0.5, 0.25], rtol=0.02)


def test_dropped_levels_have_no_index_and_add_nothing() -> None:
    quantizer = HierarchicalResidualQuantizer(4, 3, levels=3, dropout=1.0)
    outputs = quantizer(np.repeat(Z, 400, axis=0), training=True)
    indices = ops.convert_to_numpy(outputs["indices"])
    there = indices >= 0
    assert (there[..., 0]).all()
    assert (there[..., 1] >= there[..., 2]).all()
    assert (there == there[:, :1]).all()  # of a whole example
    shares = there[:, 0].mean(0)
    np.testing.assert_allclose(shares, [1, 2 / 3, 1 / 3], atol=0.05)
    errors = ops.convert_to_numpy(outputs["errors"])
    one_level = ~there[:, 0, 1]
    np.testing.assert_allclose(errors[one_level, 0], errors[one_level, 2], rtol=1e-6)


def test_a_level_that_was_left_out_adds_nothing_to_what_is_looked_up() -> None:
    quantizer = HierarchicalResidualQuantizer(4, 3, levels=2)
    quantizer.build((None, 1, 3))
    found = ops.convert_to_numpy(quantizer.lookup(ops.convert_to_tensor([[[2, -1]]])))
    np.testing.assert_array_equal(found[0, 0], books(quantizer)[0][2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decay": 0.0}, "`decay` must be a positive number"),
        ({"dropout": 1.5}, "`dropout` must be a share"),
    ],
)
def test_impossible_shares_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HierarchicalResidualQuantizer(4, 3, **options)
